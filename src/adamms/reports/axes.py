"""Axes of plots: linear scales, round ticks that enclose the data, and labels that leave each other room.

Widths of texts are estimated, generously: whether labels fit must not depend on a reader's fonts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from math import ceil, floor, log10
from typing import Literal

Kind = Literal["count", "share", "amount", "score"]
"""Counts from 0, shares from 0 to 1, other amounts from 0, or scores, which have no zero of their own."""

CHARACTER, LINE = 7.0, 13.0
"""Pixels that a character is taken to be wide, and a line high, in the plots' twelve pixels."""


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


@dataclass(frozen=True)
class Box:
    """Where a label lies, in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether two boxes overlap."""
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)


def text_box(text: str, x: float, y: float) -> Box:
    """The box of a text that is centred on x and stands on the line y."""
    half = len(text) * CHARACTER / 2
    return Box(x - half, y - LINE + 3, x + half, y + 3)


def nice_ticks(values: Sequence[float], kind: Kind = "count") -> list[float]:
    """Two to seven round axis values that enclose the data.

    Args:
        values: the data, of one kind.
        kind: what they are: no tick lies between two counts, none above a share of 1.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if kind in ("count", "amount"):
        low = 0.0
    least = {"count": 4, "share": 0.02, "amount": 0.04, "score": 1e-6 + abs(high) * 1e-3}[kind]
    step = _round_up(max(high - low, least) / 4)
    if kind == "count":
        step = max(1, step)
    first = floor(low / step + 1e-9)
    last = max(ceil(high / step - 1e-9), first + 1)
    if kind == "share":
        last = min(last, round(1 / step))
        first = min(first, last - 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def decimals(values: Sequence[float]) -> int:
    """Digits behind the point that tell values of this spread apart, three of the spread itself."""
    spread = max(values, default=0.0) - min(values, default=0.0)
    return min(6, max(0, 2 - floor(log10(spread)))) if spread > 0 else 3


def labelled(xs: Sequence[float], scale: Scale, *, first: Sequence[float] = ()) -> list[float]:
    """The ticks of an x axis whose labels have room beside each other.

    Args:
        xs: where ticks may stand, ascending.
        scale: their pixels.
        first: those that are labelled whatever else is left out.
    """
    steps = (step for step in count(1) if step >= len(xs) or _apart(xs[::step], scale))
    regular = xs[:: next(steps)]
    kept: list[float] = []
    for x in [*(x for x in first if x in xs), *regular]:
        if x not in kept and _apart([*kept, x], scale):
            kept.append(x)
    return sorted(kept)


def _apart(xs: Sequence[float], scale: Scale) -> bool:
    ordered = sorted(xs)
    boxes = [text_box(f"{x:g} ", scale(x), 0) for x in ordered]
    return not any(box.meets(after) for box, after in pairwise(boxes))


def _round_up(value: float) -> float:
    """The smallest of 1, 2, 5, 10 times a power of ten that is not less."""
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
