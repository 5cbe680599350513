"""Generation consistency: how much a candidate's answers differ from its neighbours' (section 3.3, Algorithm
1).

    D_i = DiffCnt(G_i, G_{i-1}) + DiffCnt(G_i, G_{i+1})

A metric (`metrics.py`) gives the distances of neighbouring candidates' answers, a rule makes of a candidate's
distances to both neighbours one number an input. A rule is a small function in a table, so adding one is
adding a line. Knows neither models nor what is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from adamms.errors import SearchError, no_such
from adamms.searching.metrics import Distances, make_metric

T = TypeVar("T")

Rule = Callable[[Distances | None, Distances | None], Distances]

ENDS = ("interior", "all")


@dataclass(frozen=True)
class Counts:
    """How far one candidate's answers are from its neighbours'; None where it has no such neighbour."""

    alpha: float
    previous: float | None
    next: float | None
    differences: float | None
    """What the rule makes of both; None where the rule does not score the candidate."""


def sum_rule(previous: Distances | None, following: Distances | None) -> Distances:
    """Algorithm 1: an input that differs from both neighbours counts twice. One neighbour alone is
    doubled."""
    sides = [side for side in (previous, following) if side is not None]
    return np.sum(sides, axis=0) * (2 / len(sides))


def any_rule(previous: Distances | None, following: Distances | None) -> Distances:
    """Appendix B: an input that differs from either neighbour counts once."""
    return np.max([side for side in (previous, following) if side is not None], axis=0)


def previous_rule(previous: Distances | None, following: Distances | None) -> Distances:
    """The published Qwen script: the candidate below is the only neighbour (the one above for the first)."""
    return np.asarray(previous if previous is not None else following, dtype=float)


RULES: dict[str, Rule] = {"sum": sum_rule, "any": any_rule, "previous": previous_rule}


def difference_counts(
    answers: Mapping[float, Sequence[str]], *, rule: str, metric: str, ends: str | None = None
) -> list[Counts]:
    """Every candidate's distances to its neighbours, and its score.

    Args:
        answers: alpha -> the answers to the same inputs in the same order, ready to compare.
        rule: `sum`, `any` or `previous`.
        metric: `exact` or `embedding`.
        ends: `interior` scores only candidates with two neighbours; `all` scores the first and the last by
            their one neighbour (doubled under `sum`, so that the scale is the same). None is what the rule's
            source does: `interior`, except that `previous` scores all but the first.

    Raises:
        SearchError: a name that is not known, or fewer than three candidates.
    """
    named(rule, RULES, "rule")
    alphas = sorted(answers)
    if len(alphas) < 3:
        raise SearchError(too_few(alphas))
    measure = make_metric(metric, [text for alpha in alphas for text in answers[alpha]])
    gaps = np.array([measure(answers[a], answers[b]) for a, b in pairwise(alphas)])
    return counts_of(gaps, alphas, rule=rule, ends=ends)


def too_few(alphas: Sequence[float]) -> str:
    """What to say where there are not enough candidates to have neighbours."""
    return (
        f"Consistency compares each candidate with a neighbour on both sides, so it needs at least three "
        f"alphas; there {'is' if len(alphas) == 1 else 'are'} {len(alphas)}: "
        f"{', '.join(f'{alpha:g}' for alpha in alphas) or 'none'}."
    )


def counts_of(
    gaps: NDArray[np.float64], alphas: Sequence[float], *, rule: str, ends: str | None
) -> list[Counts]:
    """The counts from the distances of neighbours, (candidates - 1, inputs), alphas ascending."""
    scores = rule_distances(gaps, rule=rule, ends=ends).sum(axis=1)
    beside = [None, *(_plain(float(total)) for total in gaps.sum(axis=1)), None]
    return [
        Counts(
            alpha=alpha,
            previous=beside[index],
            next=beside[index + 1],
            differences=_plain(float(scores[index])),
        )
        for index, alpha in enumerate(alphas)
    ]


def rule_distances(gaps: NDArray[np.float64], *, rule: str, ends: str | None) -> NDArray[np.float64]:
    """What a rule makes of each candidate and input, (candidates, inputs); NaN where it does not score."""
    score = named(rule, RULES, "rule")
    if ends is not None and ends not in ENDS:
        raise SearchError(no_such("treatment of the ends", ends, ENDS))
    sides: list[Distances | None] = [None, *gaps, None]
    rows = []
    for previous, following in pairwise(sides):
        if _is_scored(previous, following, rule=rule, ends=ends):
            rows.append(score(previous, following))
        else:
            rows.append(np.full(gaps.shape[1], np.nan))
    return np.array(rows)


def _is_scored(
    previous: Distances | None, following: Distances | None, *, rule: str, ends: str | None
) -> bool:
    if ends == "all":
        return previous is not None or following is not None
    if ends is None and rule == "previous":
        return previous is not None
    return previous is not None and following is not None


def named(name: str, table: Mapping[str, T], kind: str) -> T:
    """An entry of a table by its name.

    Raises:
        SearchError: there is none.
    """
    if name not in table:
        raise SearchError(no_such(kind, name, table))
    return table[name]


def _plain(value: float) -> float | None:
    """A whole number as an int, so that counts are written as counts; None for what is not known."""
    if np.isnan(value):
        return None
    return int(value) if value == int(value) else value
