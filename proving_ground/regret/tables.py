"""The study as Markdown: regret by kind of task, all measures, accuracy by alpha."""

from collections.abc import Callable, Sequence

from proving_ground.many.pairs import KINDS
from proving_ground.regret.cells import Cell
from proving_ground.regret.differences import difference
from proving_ground.regret.scoring import Outcome, Summary, summarise


def by_kind(outcomes: Sequence[Outcome], measure: Callable[[Summary], float | None]) -> str:
    """One row a rule, one column a kind of task; the best of each column is bold if lower is better."""
    kinds = [kind for kind in KINDS if any(outcome.cell.kind == kind for outcome in outcomes)]
    rules = list(dict.fromkeys(outcome.rule for outcome in outcomes))
    cells = {kind: len({o.cell.name for o in outcomes if o.cell.kind == kind}) for kind in kinds}
    lines = [
        _row(["rule", *(f"{kind} ({cells[kind]})" for kind in kinds), "mean of kinds", "all", "worst cell"]),
        _row(["---"] * (len(kinds) + 4)),
    ]
    for rule in rules:
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        by = [summarise([outcome for outcome in own if outcome.cell.kind == kind]) for kind in kinds]
        numbers = [measure(summary) for summary in by]
        known = [number for number in numbers if number is not None]
        total = summarise(own)
        lines.append(
            _row(
                [
                    rule,
                    *map(_number, numbers),
                    _number(sum(known) / len(known) if known else None),
                    _number(measure(total)),
                    _number(total.worst),
                ]
            )
        )
    return "\n".join(lines)


PAPER = "sum (the paper's)"
SMALL = 0.5


def summaries(outcomes: Sequence[Outcome]) -> str:
    """One row a rule: all measures over all cells, and in how many it differs from the paper's rule."""
    titles = [
        "rule",
        "regret",
        "worst cell",
        "within 0.1 of the best, %",
        "rank correlation",
        "over base",
        "over always 0.1",
        "cells better / worse than the paper's rule",
        "where it is worst",
    ]
    lines = [_row(titles), _row(["---"] * len(titles))]
    paper = {outcome.cell.name: outcome.regret for outcome in outcomes if outcome.rule == PAPER}
    for rule in dict.fromkeys(outcome.rule for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        total = summarise(own)
        gains = [paper[outcome.cell.name] - outcome.regret for outcome in own]
        better, worse = sum(gain > SMALL for gain in gains), sum(gain < -SMALL for gain in gains)
        lines.append(
            _row(
                [
                    rule,
                    _number(total.regret),
                    _number(total.worst),
                    _number(total.near),
                    "" if total.rank is None else f"{total.rank:.2f}",
                    _number(total.over_base),
                    _number(total.over_tenth),
                    f"{better} / {worse}",
                    total.worst_cell,
                ]
            )
        )
    return "\n".join(lines)


def differences(outcomes: Sequence[Outcome]) -> str:
    """One row a rule: its mean regret against the paper's rule, with intervals."""
    titles = [
        "rule",
        "regret",
        "against the paper's rule",
        "95 %, pairs and seeds drawn anew",
        "95 %, cells drawn anew",
        "pairs and seeds in which it loses less",
    ]
    lines = [_row(titles), _row(["---"] * len(titles))]
    for rule in dict.fromkeys(outcome.rule for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        overall = difference(outcomes, rule=rule, paper=PAPER)
        lines.append(
            _row(
                [
                    rule,
                    f"{summarise(own).regret:.2f}",
                    f"{overall.mean:+.2f}",
                    f"{overall.by_pairs[0]:+.2f} ... {overall.by_pairs[1]:+.2f}",
                    f"{overall.by_cells[0]:+.2f} ... {overall.by_cells[1]:+.2f}",
                    f"{overall.below} of {overall.pairs}",
                ]
            )
        )
    return "\n".join(lines)


def curves(cells: Sequence[Cell]) -> str:
    """Accuracy by alpha, one row a pair, seed and kind of task."""
    alphas = [*cells[0].alphas, *cells[0].far]
    lines = [
        _row(["pair", "seed", "kind", "tasks", *(f"{alpha:g}" for alpha in alphas), "donor alone"]),
        _row(["---"] * (len(alphas) + 5)),
    ]
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.header.pair, cell.header.seed, cell.kind), []).append(cell)
    for (pair, seed, kind), group in groups.items():
        rows = [[*cell.accuracy.tolist(), *cell.far.values(), cell.donor] for cell in group]
        means = [100 * sum(column) / len(column) for column in zip(*rows, strict=True)]
        lines.append(_row([pair, seed, kind, str(len(group)), *map(_number, means)]))
    return "\n".join(lines)


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
