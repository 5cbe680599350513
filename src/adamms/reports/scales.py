"""Axes: round values that enclose the data, and a linear map from values to pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil, floor, log10


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels; a single value lies in the middle."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.stop - self.start)


def nice_ticks(values: Sequence[float], *, percent: bool, counts: bool = True) -> list[float]:
    """Three to six round axis values that enclose the data: counts from 0, shares around where they lie.

    Args:
        values: the data, of one kind.
        percent: they are shares from 0 to 1.
        counts: they are counts (unless shares), and no tick lies between two of them.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if not percent:
        low = 0.0
    span = max(high - low, 0.02 if percent else 4 if counts else 0.04)
    step = _round_up(span / 4)
    if not percent and counts:
        step = max(1, step)
    first = floor(low / step + 1e-9)
    last = max(ceil(high / step - 1e-9), first + 1)
    if percent:
        last = min(last, round(1 / step))
        first = min(first, last - 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def sparse(values: Sequence[float], *, at_most: int) -> list[float]:
    """All values, or every so many, so that their labels do not overlap."""
    every = next(step for step in count(1) if len(values) <= at_most * step)
    return list(values[::every])


def _round_up(value: float) -> float:
    """The smallest of 1, 2, 5, 10 times a power of ten that is not less."""
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value - 1e-12)
