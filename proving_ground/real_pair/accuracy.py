"""How well a model answers, task by task, and what the most frequent answers would reach."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from proving_ground.real_pair.scoring import score

Line = Mapping[str, Any]


def by_task(lines: Sequence[Line], said: Sequence[str]) -> dict[str, float]:
    """Return mean scores in percent by task."""
    groups: dict[str, list[float]] = {}
    for line, response in zip(lines, said, strict=True):
        groups.setdefault(line["task"], []).append(score(line, response))
    return {task: 100 * sum(values) / len(values) for task, values in sorted(groups.items())}


def chance(lines: Sequence[Line]) -> dict[str, float]:
    """Return what the most frequent true answer of each topic would score on its task, in percent."""
    groups: dict[tuple[str, str], Counter[str]] = {}
    for line in lines:
        groups.setdefault((line["task"], line["topic"]), Counter())[line["answer"]] += 1
    totals: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for (task, _), counts in groups.items():
        totals[task] += sum(counts.values())
        hits[task] += counts.most_common(1)[0][1]
    return {task: 100 * hits[task] / totals[task] for task in totals}
