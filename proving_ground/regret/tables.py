"""The study as Markdown: regret by kind of task and of pair, all measures, intervals, inputs, verdicts."""

from collections.abc import Mapping, Sequence

from proving_ground.many.pairs import KINDS
from proving_ground.regret.cells import Cell
from proving_ground.regret.differences import difference
from proving_ground.regret.inputs import AtSize
from proving_ground.regret.reliability import Said, reliability
from proving_ground.regret.rules import PAPER
from proving_ground.regret.scoring import Outcome, summarise

SMALL = 0.5


def by_part(parts: Mapping[str, Sequence[Outcome]], rules: Sequence[str]) -> str:
    """One row a rule, one column a part of the study: mean regret."""
    parts = {name: here for name, here in parts.items() if here}
    counts = {name: len({outcome.cell.name for outcome in here}) for name, here in parts.items()}
    lines = _head(["points lost", *(f"{name} ({counts[name]})" for name in parts)])
    for rule in rules:
        means = [
            summarise([outcome for outcome in here if outcome.rule == rule]).regret for here in parts.values()
        ]
        lines.append(_row([rule, *(f"{mean:.2f}" for mean in means)]))
    return "\n".join(lines)


def by_kind(outcomes: Sequence[Outcome], rules: Sequence[str] | None = None) -> str:
    """One row a rule, one column a kind of task: mean regret; then over kinds, all cells, and the worst."""
    kinds = [kind for kind in KINDS if any(outcome.cell.kind == kind for outcome in outcomes)]
    cells = {kind: len({o.cell.name for o in outcomes if o.cell.kind == kind}) for kind in kinds}
    lines = _head(
        ["rule", *(f"{kind} ({cells[kind]})" for kind in kinds), "mean of kinds", "all", "worst cell"]
    )
    for rule in _rules(outcomes) if rules is None else rules:
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        by = [summarise([outcome for outcome in own if outcome.cell.kind == kind]).regret for kind in kinds]
        all_cells = summarise(own)
        numbers = [*by, sum(by) / len(by), all_cells.regret, all_cells.worst]
        lines.append(_row([rule, *map(_number, numbers)]))
    return "\n".join(lines)


def by_pair(outcomes: Sequence[Outcome], rules: Sequence[str]) -> str:
    """One row a pair, one column a rule: mean regret, and how much best and base differ."""
    lines = _head(["pair", "seeds", *rules])
    for pair in sorted({outcome.cell.header.pair for outcome in outcomes}):
        here = [outcome for outcome in outcomes if outcome.cell.header.pair == pair]
        seeds = ", ".join(sorted({outcome.cell.header.seed for outcome in here}))
        means = [summarise([outcome for outcome in here if outcome.rule == rule]).regret for rule in rules]
        lines.append(_row([pair, seeds, *map(_number, means)]))
    return "\n".join(lines)


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
    lines = _head(titles)
    paper = {outcome.cell.name: outcome.regret for outcome in outcomes if outcome.rule == PAPER}
    for rule in _rules(outcomes):
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        summary = summarise(own)
        gains = [paper[outcome.cell.name] - outcome.regret for outcome in own]
        better, worse = sum(gain > SMALL for gain in gains), sum(gain < -SMALL for gain in gains)
        lines.append(
            _row(
                [
                    rule,
                    _number(summary.regret),
                    _number(summary.worst),
                    _number(summary.near),
                    "" if summary.rank is None else f"{summary.rank:.2f}",
                    _number(summary.over_base),
                    _number(summary.over_tenth),
                    f"{better} / {worse}",
                    summary.worst_cell,
                ]
            )
        )
    return "\n".join(lines)


def differences(outcomes: Sequence[Outcome], rules: Sequence[str] | None = None) -> str:
    """One row a rule: its mean regret against the paper's rule, with intervals."""
    titles = [
        "rule",
        "regret",
        "against the paper's rule",
        "95 %, pairs and seeds drawn anew",
        "95 %, cells drawn anew",
        "pairs and seeds in which it loses less",
    ]
    lines = _head(titles)
    for rule in _rules(outcomes) if rules is None else rules:
        own = [outcome for outcome in outcomes if outcome.rule == rule]
        gap = difference(outcomes, rule=rule, paper=PAPER)
        lines.append(
            _row(
                [
                    rule,
                    f"{summarise(own).regret:.2f}",
                    f"{gap.mean:+.2f}",
                    f"{gap.by_pairs[0]:+.2f} ... {gap.by_pairs[1]:+.2f}",
                    f"{gap.by_cells[0]:+.2f} ... {gap.by_cells[1]:+.2f}",
                    f"{gap.below} of {gap.pairs}",
                ]
            )
        )
    return "\n".join(lines)


def by_inputs(results: Sequence[AtSize]) -> str:
    """One row a rule, one column a number of inputs: mean regret."""
    sizes = sorted({result.size for result in results})
    cells = {size: len({result.cell.name for result in results if result.size == size}) for size in sizes}
    lines = _head(["rule", *(f"{size} inputs ({cells[size]})" for size in sizes)])
    for rule in dict.fromkeys(result.rule for result in results):
        losses = [
            [result.regret for result in results if result.rule == rule and result.size == size]
            for size in sizes
        ]
        lines.append(_row([rule, *(f"{sum(lost) / len(lost):.2f}" for lost in losses)]))
    return "\n".join(lines)


def verdict_table(results: Sequence[Said]) -> str:
    """One row a verdict: how often it is said, and how often the choice is within a point of the best."""
    titles = [
        "verdict",
        "said, %",
        "within 1 point of the best of the rest, %",
        "95 %, pairs and seeds drawn anew",
        "of all questions, %",
        "points lost",
        "pairs and seeds",
    ]
    lines = _head(titles)
    for row in reliability(results):
        lines.append(
            _row(
                [
                    row.verdict,
                    _number(row.said),
                    _number(row.right),
                    f"{row.interval[0]:.0f} ... {row.interval[1]:.0f}",
                    _number(row.right_of_all),
                    f"{row.regret:.2f}",
                    str(row.pairs),
                ]
            )
        )
    return "\n".join(lines)


def curves(cells: Sequence[Cell]) -> str:
    """Accuracy by alpha, one row a pair, seed and kind of task."""
    alphas = [*cells[0].alphas, *cells[0].far]
    lines = _head(["pair", "seed", "kind", "tasks", *(f"{alpha:g}" for alpha in alphas), "donor alone"])
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.header.pair, cell.header.seed, cell.kind), []).append(cell)
    for (pair, seed, kind), group in groups.items():
        rows = [[*cell.accuracy.tolist(), *cell.far.values(), cell.donor] for cell in group]
        means = [100 * sum(column) / len(column) for column in zip(*rows, strict=True)]
        lines.append(_row([pair, seed, kind, str(len(group)), *map(_number, means)]))
    return "\n".join(lines)


def _rules(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.rule for outcome in outcomes))


def _head(titles: Sequence[str]) -> list[str]:
    return [_row(titles), _row(["---"] * len(titles))]


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _number(value: float) -> str:
    return f"{value:.1f}"
