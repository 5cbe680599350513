"""A few questions of every task, the same in every run: what two cores answer in a minute."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

SEED = 40
Line = dict[str, Any]


def sampled(lines: Sequence[Mapping[str, Any]], number: int, *, seed: int = SEED) -> list[Line]:
    """Return so many lines of every task (all of a task that has fewer), in their order.

    A smaller sample is part of a larger; a task's does not depend on which other tasks there are.
    """
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        places.setdefault(line["task"], []).append(place)
    chosen: set[int] = set()
    for task, own in places.items():
        random.Random(f"{seed} {task}").shuffle(own)
        chosen.update(own[:number])
    return [dict(lines[place]) for place in sorted(chosen)]


def sample_name(split: str, number: int | None) -> str:
    """Return what a sample of a split is called: `reporting-40`."""
    return split if number is None else f"{split}-{number}"


def parts_of(name: str) -> tuple[str, int | None]:
    """Return the split and the number of questions a task that a name stands for."""
    match = re.fullmatch(r"(.+)-(\d+)", name)
    return (name, None) if match is None else (match.group(1), int(match.group(2)))
