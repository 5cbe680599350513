"""Is a score concave around its best? Four ways to count, on a score along a grid of equally spaced alphas.

The authors report 62.75 % of settings (their slides) and do not say what a setting is, which grid is meant,
or what "around" covers. Here a setting is one task of one pair. The best is the first of equal ones; where it
lies at an end of the grid there is no "around", and the setting is not counted as concave.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

Curve = Sequence[float]
TINY = 1e-9


def at_best(curve: Curve) -> bool:
    """The best lies inside, and the second difference there is negative."""
    best = _best(curve)
    return 0 < best < len(curve) - 1 and second_differences(curve)[best - 1] < -TINY


def around_best(curve: Curve) -> bool:
    """As `at_best`, and the second differences at the candidates beside the best are not positive."""
    best = _best(curve)
    return at_best(curve) and all(
        second_differences(curve)[place - 1] <= TINY
        for place in (best - 1, best + 1)
        if 0 < place < len(curve) - 1
    )


def one_hill(curve: Curve) -> bool:
    """The best lies inside; the score never falls before it and never rises after it."""
    best = _best(curve)
    up = all(one <= two + TINY for one, two in pairwise(curve[: best + 1]))
    down = all(one >= two - TINY for one, two in pairwise(curve[best:]))
    return at_best(curve) and up and down


def everywhere(curve: Curve) -> bool:
    """No second difference is positive, one is negative; the best may lie at an end."""
    bends = second_differences(curve)
    return max(bends) <= TINY and min(bends) < -TINY


COUNTS: dict[str, Callable[[Curve], bool]] = {
    "at its best": at_best,
    "around its best": around_best,
    "one hill": one_hill,
    "everywhere": everywhere,
}


def second_differences(curve: Curve) -> list[float]:
    """Of the inner points: one neighbour less twice the point and the other neighbour."""
    return [curve[i - 1] - 2 * curve[i] + curve[i + 1] for i in range(1, len(curve) - 1)]


def shares(curves: Sequence[Curve]) -> dict[str, float]:
    """Return, by way of counting, the share of curves for which it holds (0 ... 1)."""
    return {name: sum(map(holds, curves)) / len(curves) for name, holds in COUNTS.items()}


def shares_by_chance(curves: Sequence[Curve], *, shuffles: int, seed: int) -> Mapping[str, float]:
    """Return the same shares of curves whose values stand in a random order: what noise would give."""
    draw = random.Random(seed)
    return shares([draw.sample(list(curve), k=len(curve)) for curve in curves for _ in range(shuffles)])


def _best(curve: Curve) -> int:
    return max(range(len(curve)), key=lambda place: (curve[place], -place))
