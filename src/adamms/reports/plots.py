"""Line plots as inline SVG, for a page without a network.

Panels are stacked over one common x axis rather than given two y axes: two scales in one frame invite
comparing heights that mean nothing. Colours are the page's custom properties and `currentColor`, so one
drawing serves light, dark and paper. Knows nothing about models or searches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from math import ceil, floor, log10

WIDTH = 720
LEFT, RIGHT, TOP, GAP = 64, 18, 22, 38
PANEL = 170
LABELLED = 15
"""Up to so many points each carries its value; more would overlap."""


@dataclass(frozen=True)
class Panel:
    """One measure against x."""

    title: str
    points: Sequence[tuple[float, float | None]]
    """(x, y), x ascending; y None where there is no value."""
    label: Callable[[float], str]
    """A y value as text."""
    colour: str
    """A custom property of the page, such as `--series-1`."""
    percent: bool = False
    """The values are shares from 0 to 1; otherwise they are counts and the axis begins at 0."""


@dataclass(frozen=True)
class _Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.stop - self.start)


def line_plot(
    panels: Sequence[Panel],
    *,
    title: str,
    description: str,
    x_label: str,
    chosen: float,
    crossed: Sequence[float] = (),
) -> str:
    """Draw panels over a common x axis.

    Args:
        panels: from top to bottom; all with the same x values.
        title: read out by screen readers.
        description: the drawing in words, for those who do not see it.
        x_label: under the axis.
        chosen: the x that is marked through all panels.
        crossed: x values whose points are drawn as crosses (disqualified candidates).

    Returns:
        An `<svg>` element; every text in it is escaped.
    """
    xs = [x for x, _ in panels[0].points]
    x_scale = _Scale(min(xs), max(xs), LEFT + 14, WIDTH - RIGHT - 14)
    height = TOP + len(panels) * (PANEL + GAP) + 20
    bottom = height - 20 - GAP
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="plot-title plot-desc" '
        'xmlns="http://www.w3.org/2000/svg">',
        f'<title id="plot-title">{escape(title)}</title>',
        f'<desc id="plot-desc">{escape(description)}</desc>',
        f'<path class="chosen-line" d="M{x_scale(chosen):.1f} {TOP + 20}V{bottom}"/>',
    ]
    for number, panel in enumerate(panels):
        top = TOP + number * (PANEL + GAP)
        parts += _panel(panel, x_scale, top=top, chosen=chosen, crossed=crossed)
    for x in _ticked(xs):
        weight = ' class="chosen-tick"' if x == chosen else ""
        parts.append(
            f'<text{weight} x="{x_scale(x):.1f}" y="{bottom + 22}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text class="axis-title" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{bottom + 50}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    return "\n".join([*parts, "</svg>"])


def _panel(
    panel: Panel, x_scale: _Scale, *, top: float, chosen: float, crossed: Sequence[float]
) -> list[str]:
    known = [(x, y) for x, y in panel.points if y is not None]
    ticks = nice_ticks([y for _, y in known], percent=panel.percent)
    y_scale = _Scale(ticks[0], ticks[-1], top + PANEL - 6, top + 30)
    parts = [f'<text class="panel-title" x="{LEFT}" y="{top + 8}">{escape(panel.title)}</text>']
    for tick in ticks:
        y = y_scale(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(panel.label(tick).replace('.0%', '%'))}</text>"
        )
    line = " ".join(f"{x_scale(x):.1f},{y_scale(y):.1f}" for x, y in known)
    parts.append(f'<polyline class="line" style="stroke:var({panel.colour})" points="{line}"/>')
    for x, y in known:
        parts.append(_point(x_scale(x), y_scale(y), panel, is_chosen=x == chosen, is_crossed=x in crossed))
        if len(known) <= LABELLED or x == chosen:
            kind, above = ("value chosen-tick", 14) if x == chosen else ("value", 10)
            at = f'x="{x_scale(x):.1f}" y="{y_scale(y) - above:.1f}"'
            parts.append(f'<text class="{kind}" {at} text-anchor="middle">{escape(panel.label(y))}</text>')
    return parts


def _point(x: float, y: float, panel: Panel, *, is_chosen: bool, is_crossed: bool) -> str:
    if is_crossed:
        arms = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
        return f'<path class="cross" d="{arms}"/>'
    kind, radius = ("point chosen", 6.5) if is_chosen else ("point", 4)
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="fill:var({panel.colour})"/>'


def nice_ticks(values: Sequence[float], *, percent: bool) -> list[float]:
    """Three to six round axis values that enclose the data: counts from 0, shares around where they lie."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if not percent:
        low = 0.0
    span = max(high - low, 0.02 if percent else 4)
    step = _round_up(span / 4)
    if not percent:
        step = max(1, step)
    first = floor(low / step + 1e-9)
    last = max(ceil(high / step - 1e-9), first + 1)
    if percent:
        last = min(last, round(1 / step))
        first = min(first, last - 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _round_up(value: float) -> float:
    """The smallest of 1, 2, 5, 10 times a power of ten that is not less."""
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value - 1e-12)


def _ticked(xs: Sequence[float]) -> list[float]:
    """The x values that get a label: all of them, or every so many."""
    every = next(step for step in count(1) if len(xs) <= LABELLED * step)
    return list(xs[::every])
