"""Everything that docs/real-pair.md says, worked out from the published answers alone, as one document."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from adamms.searching.answer_table import AnswerTable
from adamms.searching.metrics import make_metric
from adamms.searching.signals import find_signal
from proving_ground.many.records import CANDIDATES
from proving_ground.real_pair.accuracy import chance
from proving_ground.real_pair.margins import margins
from proving_ground.real_pair.published import Published, Scores
from proving_ground.real_pair.sample_results import sample_results
from proving_ground.regret.cells import Cell, cells
from proving_ground.regret.differences import difference, interval
from proving_ground.regret.reliability import Said, read_verdicts, reliability, verdicts
from proving_ground.regret.rules import MAIN, NEVER, PAPER, Rule, all_rules
from proving_ground.regret.scoring import DRAWS, Outcome, drawn, outcomes, summarise

Results = dict[str, Any]
SIZES = (25, 50, 100, 200)


def work_out(published: Published, *, embedding: bool = True) -> Results:
    """Return every table; without `embedding` the metrics' comparison is left out."""
    return {
        "about": _about(published),
        "alone": {
            name: published.by_task(published.scores(published.alone(name))) for name in published.models
        },
        "halves": _halves(published),
        **margins(published),
        "curves": {pair: _curve(published, pair) for pair in published.interviews},
        "consistency": {pair: _consistency(published, pair) for pair in published.interviews},
        "answers": _answers(published),
        **_rules(published),
        "sample": sample_results(published),
        "metrics": _metrics(published) if embedding else None,
    }


def _about(published: Published) -> Results:
    questions = [{**line, "answer": line["answers"][0]} for line in published.questions]
    return {
        "questions": {task: len(places) for task, places in published.tasks.items()},
        "chance": chance(questions),
        "draws": DRAWS,
        "kinds": {
            name: next(iter(interview.header.kinds.values()))
            for name, interview in published.interviews.items()
        },
    }


def _halves(published: Published) -> Results:
    """Mean score of every sibling on the half it was taught and on the other: (own, other) by half."""
    half = np.array([line["half"] for line in published.questions])
    tables: Results = {}
    for name in published.models:
        scores = published.scores(published.alone(name))
        tables[name] = {
            task: {
                str(number): 100 * float(scores[places][half[places] == number].mean())
                for number in (0, 1, 2)
                if (half[places] == number).any()
            }
            for task, places in published.tasks.items()
        }
    return tables


def _curve(published: Published, pair: str) -> Results:
    """Scores along alpha and of the baselines; the best candidate of each task against the base, paired."""
    interview = published.interviews[pair]
    scores = published.curve(pair)
    others = published.other_merges.get(pair, {})
    base = scores[0]
    return {
        "alphas": interview.header.alphas,
        "tasks": {
            task: [100 * float(value) for value in scores[:, places].mean(axis=1)]
            for task, places in published.tasks.items()
        },
        "mean": [_mean(published, row) for row in scores],
        "donor": _mean(published, published.scores(published.alone(interview.header.donor))),
        "others": {
            name: {
                **published.by_task(theirs := published.scores(said)),
                "mean": _mean(published, theirs),
                "over_base": _paired(published, theirs, base),
            }
            for name, said in others.items()
        },
        "best_fixed": _best_fixed(published, scores),
        "best_of_tasks": float(
            np.mean(
                [100 * scores[:CANDIDATES, places].mean(axis=1).max() for places in published.tasks.values()]
            )
        ),
    }


def _best_fixed(published: Published, scores: Scores) -> Results:
    """The one alpha that is best in the mean of tasks, and its paired gain over the base."""
    means = [_mean(published, row) for row in scores[:CANDIDATES]]
    place = int(np.argmax(means))
    return {"place": place, "mean": means[place], "over_base": _paired(published, scores[place], scores[0])}


def _mean(published: Published, scores: Scores) -> float:
    return float(np.mean(list(published.by_task(scores).values())))


def _paired(published: Published, one: Scores, two: Scores) -> list[float]:
    """Return the difference of two means over tasks and its standard error, in points."""
    gain, variance, count = 0.0, 0.0, len(published.tasks)
    for places in published.tasks.values():
        gap = one[places] - two[places]
        gain += float(gap.mean()) / count
        variance += float(gap.var(ddof=1)) / len(gap) / count**2
    return [100 * gain, 100 * variance**0.5]


def _consistency(published: Published, pair: str) -> Results:
    """By alpha, the share of answers that differ from the neighbours', as the paper's rule counts them."""
    said = np.array(published.said(pair)[:CANDIDATES])
    gaps = (said[1:] != said[:-1]).mean(axis=1)
    return {"differences": [None, *(100 * float(a + b) for a, b in pairwise(gaps)), None]}


def _answers(published: Published, *, shown: int = 10) -> Results:
    """Questions whose answer changes most often along the first pair's candidates (Figure 3)."""
    pair = "llava-1--internvl-2"
    rows = list(zip(*published.said(pair)[:CANDIDATES], strict=True))
    places = [*published.tasks["relation"], *published.tasks["knowledge"]]
    changes = {place: len(set(rows[place])) for place in places}
    chosen = sorted(changes, key=lambda place: (-changes[place], place))[:shown]
    return {
        "pair": pair,
        "rows": [
            {
                "prompt": published.questions[place]["prompt"],
                "truth": published.questions[place]["answers"][0],
                "said": list(rows[place]),
            }
            for place in chosen
        ],
    }


def _rules(published: Published) -> Results:
    """Every rule's loss, by task and kind of pair, and how far verdicts hold."""
    rules, results, said, by_reading = all_rules(), list[Outcome](), list[Said](), list[Said]()
    for interview in published.interviews.values():
        read = bool(interview.asked[0].likelihood)
        for cell in cells(interview):
            asked = rules if read else [rule for rule in rules if _needs_no_reading(rule)]
            results += outcomes(cell, asked)
            if read:
                said += verdicts(cell, draws=DRAWS)
                by_reading += read_verdicts(cell, draws=DRAWS)
    heard = [outcome for outcome in results if outcome.cell.header.pair in {s.cell.header.pair for s in said}]
    return {
        "rules": {rule.name: _rule(heard, rule.name) for rule in rules},
        "choice": {
            pair: _choice([outcome for outcome in results if outcome.cell.header.pair == pair])
            for pair in published.interviews
        },
        "verdicts": [vars(row) for row in reliability(said)],
        "verdicts_of_reading": [vars(row) for row in reliability(by_reading)],
    }


def _needs_no_reading(rule: Rule) -> bool:
    return "read" not in rule.name and "reduced" not in rule.name


def _rule(results: Sequence[Outcome], name: str) -> Results:
    own = [outcome for outcome in results if outcome.rule == name]
    summary = summarise(own)
    groups: dict[str, list[float]] = {}
    for outcome in own:
        groups.setdefault(outcome.cell.header.pair, []).append(outcome.regret)
    against = difference(results, rule=name, paper=PAPER)
    never = difference(results, rule=name, paper=NEVER)
    return {
        "lost": summary.regret,
        "interval": interval(
            [sum(group) for group in groups.values()], [len(group) for group in groups.values()]
        ),
        "over_base": summary.over_base,
        "near": summary.near,
        "worst": summary.worst,
        "against_paper": [against.mean, *against.by_pairs],
        "against_never": [never.mean, *never.by_pairs],
        "tasks": _means(own, lambda outcome: outcome.cell.task),
        "kinds": _means(own, lambda outcome: outcome.cell.kind),
    }


def _means(results: Sequence[Outcome], key: Any) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for outcome in results:
        groups.setdefault(key(outcome), []).append(outcome.regret)
    return {name: sum(values) / len(values) for name, values in groups.items()}


def _choice(results: Sequence[Outcome]) -> dict[str, float]:
    """Return, by rule, the mean gain over the base where each task's alpha is chosen by itself."""
    names = [name for name in MAIN if any(outcome.rule == name for outcome in results)]
    return {
        name: float(np.mean([outcome.over_base for outcome in results if outcome.rule == name]))
        for name in names
    }


def _metrics(published: Published) -> Results:
    """The paper's rule with exact match and with embeddings, by number of inputs: points lost (Table 3)."""
    lost: dict[str, dict[str, list[float]]] = {}
    for interview in published.interviews.values():
        for cell in cells(interview):
            if cell.task not in ("describe", "knowledge", "relation"):
                continue
            texts = sorted({text for row in cell.table.texts for text in row})
            tables = {"exact": cell.table, "embedding": _embedded(cell, make_metric("embedding", texts))}
            for name, table in tables.items():
                values = find_signal("sum").values(table)
                for size in SIZES:
                    lost.setdefault(f"{cell.task}, {name}", {}).setdefault(str(size), []).append(
                        _lost(cell, values, size)
                    )
    return {name: {size: float(np.mean(row)) for size, row in by.items()} for name, by in lost.items()}


def _embedded(cell: Cell, metric: Any) -> AnswerTable:
    from dataclasses import replace

    return replace(cell.table, measure=metric)


def _lost(cell: Cell, values: Scores, size: int) -> float:
    from adamms.searching.choosing import wins
    from proving_ground.regret.scoring import accuracies

    columns = drawn(cell, draws=DRAWS, size=size)
    rows = np.maximum(wins(values, columns, allowed=cell.table.sound, base=None), 0)
    rest = accuracies(cell.right, columns)
    return float(100 * (rest.max(axis=1) - rest[np.arange(len(rows)), rows]).mean())
