"""Line plots as inline SVG, for a page without a network.

Panels are stacked over one common x axis rather than given two y axes: two scales in one frame invite
comparing heights that mean nothing. Colours are the page's style classes and `currentColor`, so one drawing
serves light, dark and paper; lines also differ in dash and marks in shape. Axes have round values that
enclose the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import count
from math import ceil, floor, log10

WIDE, NARROW = 720, 340
"""Widths a plot is drawn for: a page, and a phone, where one scaled down could not be read."""
PANEL, GAP, TOP = 170, 40, 22
WIDE_LABELS, NARROW_LABELS = 15, 8
"""Up to so many points each carry their value, and so many ticks their label; more would overlap."""
SERIES = 6
"""Lines that are told apart by colour, dash and mark; further ones begin again."""

MARKS = (
    "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M{x} {y}m-3.6 -3.6h7.2v7.2h-7.2z",
    "M{x} {y}m0 -5l5 8.4h-10z",
    "M{x} {y}m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2z",
    "M{x} {y}m0 5l5 -8.4h-10z",
    "M{x} {y}m-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z",
)


@dataclass(frozen=True)
class Series:
    """One line."""

    points: Sequence[tuple[float, float | None]]
    """(x, y), x ascending; y None where there is no value."""
    colour: int = 1
    """From 1: which of the page's series colours, dashes and marks."""
    chosen: float | None = None
    """The x whose point is ringed."""
    crossed: Sequence[float] = ()
    """x values whose points are drawn as crosses (disqualified candidates)."""

    @property
    def known(self) -> list[tuple[float, float]]:
        """The points that have a value."""
        return [(x, y) for x, y in self.points if y is not None]


@dataclass(frozen=True)
class Panel:
    """One measure against x, in one line or several."""

    title: str
    series: Sequence[Series]
    label: Callable[[float], str]
    """A y value as text."""
    percent: bool = False
    """The values are shares from 0 to 1; otherwise the axis begins at 0."""
    counts: bool = True
    """The values are counts, unless they are shares: no tick lies between two of them."""


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
class _Frame:
    """Where a panel's pixels lie."""

    width: int
    x: Scale
    labels: int
    left: int = field(default=0)
    top: float = 0
    y: Scale = field(default=Scale(0, 1, 0, 1))


def line_plot(
    panels: Sequence[Panel],
    *,
    name: str,
    title: str,
    description: str,
    x_label: str,
    marked: float | None = None,
    width: int = WIDE,
) -> str:
    """Draw panels over a common x axis.

    Args:
        panels: from top to bottom.
        name: begins the drawing's element ids; unique in a page.
        title: read out by screen readers.
        description: the drawing in words, for those who do not see it.
        x_label: under the axis.
        marked: an x with a line through all panels.
        width: of the drawing's coordinate system, in pixels.

    Returns:
        An `<svg>` element; every text in it is escaped.
    """
    xs = sorted(dict.fromkeys(x for panel in panels for line in panel.series for x, _ in line.points))
    narrow = width < WIDE
    left, right = (46, 8) if narrow else (64, 18)
    x_scale = Scale(min(xs), max(xs), left + 14, width - right - 14)
    frame = _Frame(width - right, x_scale, NARROW_LABELS if narrow else WIDE_LABELS, left)
    bottom = TOP + len(panels) * (PANEL + GAP) - GAP
    parts = [
        f'<svg class="plot {"narrow" if narrow else "wide"}" viewBox="0 0 {width} {bottom + 60}" role="img" '
        f'aria-labelledby="{escape(name)}-title {escape(name)}-desc" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="{escape(name)}-title">{escape(title)}</title>',
        f'<desc id="{escape(name)}-desc">{escape(description)}</desc>',
    ]
    if marked is not None:
        parts.append(f'<path class="chosen-line" d="M{x_scale(marked):.1f} {TOP + 20}V{bottom}"/>')
    for number, panel in enumerate(panels):
        parts += _panel(panel, _placed(frame, panel, top=TOP + number * (PANEL + GAP)))
    for x in sparse(xs, at_most=frame.labels):
        weight = ' class="chosen-tick"' if x == marked else ""
        parts.append(
            f'<text{weight} x="{x_scale(x):.1f}" y="{bottom + 22}" text-anchor="middle">{x:g}</text>'
        )
    parts.append(
        f'<text class="axis-title" x="{(left + width - right) / 2}" y="{bottom + 48}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    return "\n".join([*parts, "</svg>"])


def _placed(frame: _Frame, panel: Panel, *, top: float) -> _Frame:
    values = [y for line in panel.series for _, y in line.known]
    ticks = nice_ticks(values, percent=panel.percent, counts=panel.counts)
    return replace(frame, top=top, y=Scale(ticks[0], ticks[-1], top + PANEL - 6, top + 30))


def _panel(panel: Panel, frame: _Frame) -> list[str]:
    values = [y for line in panel.series for _, y in line.known]
    parts = [
        f'<text class="panel-title" x="{frame.left}" y="{frame.top + 8:.0f}">{escape(panel.title)}</text>'
    ]
    for tick in nice_ticks(values, percent=panel.percent, counts=panel.counts):
        y = frame.y(tick)
        parts.append(f'<path class="rule" d="M{frame.left} {y:.1f}H{frame.width}"/>')
        parts.append(
            f'<text class="tick" x="{frame.left - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(panel.label(tick).replace('.0%', '%'))}</text>"
        )
    alone = len(panel.series) == 1
    for line in panel.series:
        parts += _line(line, panel, frame, alone=alone)
    return parts


def _line(line: Series, panel: Panel, frame: _Frame, *, alone: bool) -> list[str]:
    style = f"s{(line.colour - 1) % SERIES + 1}"
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in line.known)
    parts = [f'<polyline class="line {style}" points="{path}"/>'] if path else []
    for x, y in line.known:
        at_x, at_y = frame.x(x), frame.y(y)
        is_chosen = x == line.chosen
        parts.append(_mark(line, at_x, at_y, is_chosen=is_chosen, is_crossed=x in line.crossed))
        if alone and (len(line.known) <= frame.labels or is_chosen):
            kind = "value chosen-tick" if is_chosen else "value"
            below = _in_a_dip(line.known, x) and at_y + 30 < frame.y(frame.y.low)
            at = f'x="{at_x:.1f}" y="{at_y + (22 if below else -13 if is_chosen else -10):.1f}"'
            parts.append(f'<text class="{kind}" {at} text-anchor="middle">{escape(panel.label(y))}</text>')
    return parts


def _in_a_dip(known: Sequence[tuple[float, float]], x: float) -> bool:
    """Whether the line goes up on both sides, so that a label above would stand between its arms."""
    index = [known_x for known_x, _ in known].index(x)
    around = [known[at][1] for at in (index - 1, index + 1) if 0 <= at < len(known)]
    return len(around) == 2 and min(around) > known[index][1]


def _mark(line: Series, x: float, y: float, *, is_chosen: bool, is_crossed: bool) -> str:
    if is_crossed:
        return f'<path class="cross" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'
    shape = MARKS[(line.colour - 1) % SERIES].format(x=f"{x:.1f}", y=f"{y:.1f}")
    ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' if is_chosen else ""
    kind = "point chosen" if is_chosen else "point"
    return f'{ring}<path class="{kind} s{(line.colour - 1) % SERIES + 1}" d="{shape}"/>'


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
