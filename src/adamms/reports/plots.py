"""Line plots as shapes, which `svg.py` writes into a page and `png.py` paints for a card.

Panels are stacked over one common x axis rather than given two y axes: two scales in one frame invite
comparing heights that mean nothing. Lines differ in colour, dash and mark. No label lies on another: where
there is no room, those of the chosen point and of the ends stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from adamms.reports.axes import CHARACTER, Box, Kind, Scale, decimals, labelled, nice_ticks, text_box

WIDE, NARROW = 720, 340
"""Widths a plot is drawn for: a page, and a phone, where one scaled down could not be read."""
PANEL, GAP, TOP, BELOW = 176, 40, 22, 60
WIDE_LABELS, NARROW_LABELS = 15, 8
"""Up to so many points all carry their value; of more, the chosen one and the ends do."""
SERIES = 6
"""Lines that are told apart by colour, dash and mark; further ones begin again."""


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
    hollow: Sequence[tuple[float, float]] = ()
    """Points beside the line that are estimated, not measured."""

    @property
    def known(self) -> list[tuple[float, float]]:
        """The points that have a value."""
        return [(x, y) for x, y in self.points if y is not None]


@dataclass(frozen=True)
class Panel:
    """One measure against x, in one line or several."""

    title: str
    series: Sequence[Series]
    label: Callable[[float], str] | None = None
    """A y value as text; None for scores, which get the digits that tell them apart."""
    kind: Kind = "count"

    @property
    def values(self) -> list[float]:
        """All y values, estimates included."""
        return [y for line in self.series for _, y in (*line.known, *line.hollow)]

    def text(self, value: float) -> str:
        """A y value as text."""
        return f"{value:.{decimals(self.values)}f}" if self.label is None else self.label(value)


@dataclass(frozen=True)
class Stroke:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Mark:
    """A point of a line: a shape by its series, a `ring`, a `cross`."""

    x: float
    y: float
    style: str
    shape: int = 0


@dataclass(frozen=True)
class Label:
    """A text that stands on a line."""

    x: float
    y: float
    text: str
    style: str
    anchor: Literal["start", "middle", "end"] = "middle"


Shape = Stroke | Mark | Label


@dataclass(frozen=True)
class Drawing:
    """Shapes in the order they are painted, and the size of their coordinates in pixels."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class _Frame:
    """Where a panel's pixels lie."""

    left: int
    right: int
    x: Scale
    top: float = 0
    y: Scale = field(default=Scale(0, 1, 0, 1))

    @property
    def bottom(self) -> float:
        return self.top + PANEL


def draw(panels: Sequence[Panel], *, x_label: str, marked: float | None = None, width: int = WIDE) -> Drawing:
    """Lay panels out over a common x axis.

    Args:
        panels: from top to bottom.
        x_label: under the axis.
        marked: an x with a line through all panels.
        width: of the drawing, in pixels.
    """
    lines = [line for panel in panels for line in panel.series]
    xs = sorted(dict.fromkeys(x for line in lines for x, _ in (*line.points, *line.hollow)))
    widest = max(len(text) for panel in panels for text in _tick_texts(panel))
    left = max(46 if width < WIDE else 64, round(widest * CHARACTER) + 12)
    right = width - (8 if width < WIDE else 18)
    frame = _Frame(left, right, Scale(min(xs), max(xs), left + 14, right - 14))
    shapes: list[Shape] = []
    for number, panel in enumerate(panels):
        top = TOP + number * (PANEL + GAP)
        ticks = nice_ticks(panel.values, panel.kind)
        y = Scale(ticks[0], ticks[-1], top + PANEL - 6, top + 36)
        shapes += _panel(panel, replace(frame, top=top, y=y), marked)
    bottom = TOP + len(panels) * (PANEL + GAP) - GAP
    ends = [xs[0], xs[-1]]
    for x in labelled(xs, frame.x, first=[*([] if marked is None else [marked]), *ends]):
        shapes.append(Label(frame.x(x), bottom + 22, f"{x:g}", "chosen-tick" if x == marked else "tick"))
    shapes.append(Label((left + right) / 2, bottom + 48, x_label, "axis-title"))
    return Drawing(width, bottom + BELOW, tuple(shapes))


def _tick_texts(panel: Panel) -> list[str]:
    ticks = nice_ticks(panel.values, panel.kind)
    if panel.label is None:
        return [f"{tick:.{decimals(ticks[:2])}f}".rstrip("0").rstrip(".") for tick in ticks]
    return [panel.text(tick).replace(".0%", "%") for tick in ticks]


def _panel(panel: Panel, frame: _Frame, marked: float | None) -> list[Shape]:
    # What is in brackets is said beside the drawing, too.
    fits = len(panel.title) * (CHARACTER + 1) <= frame.right - frame.left
    title = panel.title if fits else panel.title.partition(" (")[0]
    shapes: list[Shape] = [Label(frame.left, frame.top + 8, title, "panel-title", "start")]
    for tick, text in zip(nice_ticks(panel.values, panel.kind), _tick_texts(panel), strict=True):
        y = frame.y(tick)
        shapes.append(Stroke(((frame.left, y), (frame.right, y)), "rule"))
        shapes.append(Label(frame.left - 8, y + 4, text, "tick", "end"))
    if marked is not None:
        at = frame.x(marked)
        shapes.append(Stroke(((at, frame.top + 20), (at, frame.bottom)), "chosen-line"))
    for line in panel.series:
        shapes += _line(line, frame)
    return [*shapes, *(_values(panel, frame) if len(panel.series) == 1 else [])]


def _line(line: Series, frame: _Frame) -> list[Shape]:
    number = (line.colour - 1) % SERIES
    at = [(frame.x(x), frame.y(y)) for x, y in line.known]
    shapes: list[Shape] = [Stroke(tuple(at), f"line s{number + 1}")] if at else []
    shapes += [Mark(frame.x(x), frame.y(y), f"hollow s{number + 1}", number) for x, y in line.hollow]
    for (x, _), (at_x, at_y) in zip(line.known, at, strict=True):
        if x in line.crossed:
            shapes.append(Mark(at_x, at_y, "cross"))
            continue
        if x == line.chosen:
            shapes.append(Mark(at_x, at_y, "ring"))
        chosen = " chosen" if x == line.chosen else ""
        shapes.append(Mark(at_x, at_y, f"point{chosen} s{number + 1}", number))
    return shapes


def _values(panel: Panel, frame: _Frame) -> list[Shape]:
    """The values at a line's points, as far as there is room for them."""
    (line,) = panel.series
    known = line.known
    marks = [Box(frame.x(x) - 6, frame.y(y) - 6, frame.x(x) + 6, frame.y(y) + 6) for x, y in known]
    placed: list[Box] = []
    shapes: list[Shape] = []
    few = WIDE_LABELS if frame.right > NARROW else NARROW_LABELS
    for place in _by_weight(known, line.chosen):
        (x, y), own = known[place], marks[place]
        text, chosen = panel.text(y), x == line.chosen
        if len(known) > few and not chosen and place not in (0, len(known) - 1):
            continue
        half = len(text) * CHARACTER / 2
        at = min(max(frame.x(x), frame.left + half), frame.right + 8 - half)
        above, below = (frame.y(y) - (13 if chosen else 10), frame.y(y) + (24 if chosen else 20))
        others = [*placed, *(mark for mark in marks if mark is not own)]
        heights = (below, above) if _in_a_dip(known, place) else (above, below)
        boxes = {height: text_box(text, at, height) for height in heights}
        free = [
            height
            for height, box in boxes.items()
            if box.bottom <= frame.bottom + 4 and not any(box.meets(other) for other in others)
        ]
        # The chosen point, placed first, may cover others' marks rather than go without its value.
        if free or chosen:
            height = free[0] if free else above
            placed.append(boxes[height])
            shapes.append(Label(at, height, text, "value chosen-tick" if chosen else "value"))
    return shapes


def _by_weight(known: Sequence[tuple[float, float]], chosen: float | None) -> list[int]:
    """Whose value is placed first: the chosen point's, the ends', the others' from left to right."""
    last = len(known) - 1
    return sorted(range(len(known)), key=lambda place: (known[place][0] != chosen, place not in (0, last)))


def _in_a_dip(known: Sequence[tuple[float, float]], place: int) -> bool:
    """Whether the line goes up on both sides, so that a label above would stand between its arms."""
    around = [known[at][1] for at in (place - 1, place + 1) if 0 <= at < len(known)]
    return len(around) == 2 and min(around) > known[place][1]
