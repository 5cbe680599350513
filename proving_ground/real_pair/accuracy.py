"""How well a model answers, task by task, and on the halves that a sibling was and was not taught."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from proving_ground.real_pair.scoring import score

Line = Mapping[str, Any]


def by_task(lines: Sequence[Line], said: Sequence[str]) -> dict[str, float]:
    """Return mean scores in percent by task."""
    return _means([line["task"] for line in lines], lines, said)


def by_task_and_half(lines: Sequence[Line], said: Sequence[str]) -> dict[str, float]:
    """Return mean scores in percent by task and half, as `naming.1`."""
    return _means([f"{line['task']}.{line['half']}" for line in lines], lines, said)


def by_topic(lines: Sequence[Line], said: Sequence[str]) -> dict[str, float]:
    """Return mean scores in percent by task, topic and half."""
    return _means([f"{line['task']}.{line['topic']}.{line['half']}" for line in lines], lines, said)


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


def _means(keys: Sequence[str], lines: Sequence[Line], said: Sequence[str]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for key, line, response in zip(keys, lines, said, strict=True):
        groups.setdefault(key, []).append(score(line, response))
    return {key: 100 * sum(values) / len(values) for key, values in sorted(groups.items())}
