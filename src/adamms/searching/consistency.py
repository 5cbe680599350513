"""Generation consistency: how much a candidate's answers differ from its neighbours' (section 3.3, Algorithm
1).

    D_i = DiffCnt(G_i, G_{i-1}) + DiffCnt(G_i, G_{i+1})

A metric gives the distance of two answers, a rule makes a candidate's score of its distances to both
neighbours. Both are small functions in a table, so adding one is adding a line. Knows neither models nor what
is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from adamms.errors import SearchError

Distances = Sequence[float]
"""One number an input: 0 where two candidates agree, and at most 1."""

T = TypeVar("T")

Metric = Callable[[Sequence[str], Sequence[str]], Distances]
Rule = Callable[[Distances | None, Distances | None], float]

ENDS = ("interior", "all")


@dataclass(frozen=True)
class Counts:
    """How far one candidate's answers are from its neighbours'; None where it has no such neighbour."""

    alpha: float
    previous: float | None
    next: float | None
    differences: float | None
    """What the rule makes of both; None where the rule does not score the candidate."""


def exact(left: Sequence[str], right: Sequence[str]) -> Distances:
    """1 for every pair of answers that are not the same text."""
    return [float(a != b) for a, b in zip(left, right, strict=True)]


METRICS: dict[str, Metric] = {"exact": exact}


def sum_rule(previous: Distances | None, following: Distances | None) -> float:
    """Algorithm 1: an input that differs from both neighbours counts twice. One neighbour alone is
    doubled."""
    sides = [sum(side) for side in (previous, following) if side is not None]
    return sum(sides) * (2 / len(sides))


def any_rule(previous: Distances | None, following: Distances | None) -> float:
    """Appendix B: an input that differs from either neighbour counts once."""
    sides = [side for side in (previous, following) if side is not None]
    return sum(max(distances) for distances in zip(*sides, strict=True))


def previous_rule(previous: Distances | None, following: Distances | None) -> float:
    """The published Qwen script: the candidate below is the only neighbour (the one above for the first)."""
    return sum(previous if previous is not None else following or ())


RULES: dict[str, Rule] = {"sum": sum_rule, "any": any_rule, "previous": previous_rule}


def difference_counts(
    answers: Mapping[float, Sequence[str]], *, rule: str, metric: str, ends: str | None = None
) -> list[Counts]:
    """Every candidate's distances to its neighbours, and its score.

    Args:
        answers: alpha -> the answers to the same inputs in the same order, ready to compare.
        rule: `sum`, `any` or `previous`.
        metric: `exact`.
        ends: `interior` scores only candidates with two neighbours; `all` scores the first and the last by
            their one neighbour (doubled under `sum`, so that the scale is the same). None is what the rule's
            source does: `interior`, except that `previous` scores all but the first.

    Raises:
        SearchError: a name that is not known, or fewer than three candidates.
    """
    measure = _named(metric, METRICS, "metric")
    score = _named(rule, RULES, "rule")
    if ends is not None and ends not in ENDS:
        raise SearchError(f"There is no treatment of the ends {ends!r}; there is: {', '.join(ENDS)}.")
    alphas = sorted(answers)
    if len(alphas) < 3:
        raise SearchError(
            f"Consistency compares each candidate with a neighbour on both sides, so it needs at least three "
            f"alphas; there {'is' if len(alphas) == 1 else 'are'} {len(alphas)}: "
            f"{', '.join(f'{alpha:g}' for alpha in alphas) or 'none'}."
        )
    gaps = [measure(answers[a], answers[b]) for a, b in pairwise(alphas)]
    sides: list[tuple[Distances | None, Distances | None]] = list(
        zip([None, *gaps], [*gaps, None], strict=True)
    )
    return [
        Counts(
            alpha=alpha,
            previous=_total(previous),
            next=_total(following),
            differences=_plain(score(previous, following))
            if _is_scored(previous, following, rule=rule, ends=ends)
            else None,
        )
        for alpha, (previous, following) in zip(alphas, sides, strict=True)
    ]


def _is_scored(
    previous: Distances | None, following: Distances | None, *, rule: str, ends: str | None
) -> bool:
    if ends == "all":
        return True
    if ends is None and rule == "previous":
        return previous is not None
    return previous is not None and following is not None


def _named(name: str, table: Mapping[str, T], kind: str) -> T:
    if name not in table:
        raise SearchError(f"There is no {kind} {name!r}; there is: {', '.join(table)}.")
    return table[name]


def _total(side: Distances | None) -> float | None:
    return None if side is None else _plain(sum(side))


def _plain(value: float) -> float:
    """A whole number as an int, so that counts are written as counts."""
    return int(value) if value == int(value) else value
