"""Plots painted with Pillow, for a model card on a hub that shows no inline SVG."""

import io
from collections.abc import Sequence
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING

from adamms.reports.plots import WIDE, Label, Mark, Panel, Stroke, draw

if TYPE_CHECKING:
    from PIL import ImageDraw

SCALE = 2
"""Pixels of the picture for one of the drawing, so that it is sharp on today's screens."""
SMOOTH = 2
"""It is painted so many times larger and reduced: Pillow's lines have hard edges."""

# The light scheme of templates/page.css.
INK, SOFT, RULE, ACCENT, WARN, PAPER = "#1d2126", "#59616b", "#e1e3e0", "#126152", "#9c2626", "#ffffff"
LINES = ("#2a62ad", "#a5490a", "#2f7d3b", "#7b3fa0", "#b0316c", "#5b5f66")
TEXTS = {"panel-title": (INK, 13), "value": (INK, 12), "chosen-tick": (ACCENT, 12), "axis-title": (SOFT, 12)}
DASHES: dict[str, tuple[float, ...]] = {"chosen-line": (3, 5)}
POLYGONS = (
    (),  # a circle
    ((-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)),
    ((0, -5), (5, 3.4), (-5, 3.4)),
    ((0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0)),
    ((0, 5), (5, -3.4), (-5, -3.4)),
    ((-5, -1.6), (-1.6, -5), (1.6, -5), (5, -1.6), (5, 1.6), (1.6, 5), (-1.6, 5), (-5, 1.6)),
)


def line_png(
    panels: Sequence[Panel], *, x_label: str, marked: float | None = None, width: int = WIDE
) -> bytes:
    """Paint panels over a common x axis.

    Args:
        panels: from top to bottom.
        x_label: under the axis.
        marked: an x with a line through all panels.
        width: of the drawing; the picture has twice as many pixels.

    Returns:
        A PNG file, on white.
    """
    from PIL import Image, ImageDraw

    drawing = draw(panels, x_label=x_label, marked=marked, width=width)
    size = (drawing.width * SCALE, drawing.height * SCALE)
    image = Image.new("RGB", (size[0] * SMOOTH, size[1] * SMOOTH), PAPER)
    brush = _Brush(ImageDraw.Draw(image), SCALE * SMOOTH)
    for shape in drawing.shapes:
        if isinstance(shape, Label):
            brush.text(shape)
        elif isinstance(shape, Stroke):
            brush.stroke(shape)
        else:
            brush.mark(shape)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class _Brush:
    """Paints shapes in the drawing's coordinates."""

    def __init__(self, canvas: "ImageDraw.ImageDraw", scale: int) -> None:
        self._canvas, self._scale = canvas, scale

    def text(self, label: Label) -> None:
        from PIL import ImageFont

        colour, size = next((TEXTS[name] for name in label.style.split()[::-1] if name in TEXTS), (SOFT, 12))
        self._canvas.text(
            (label.x * self._scale, label.y * self._scale),
            label.text,
            fill=colour,
            font=ImageFont.load_default(size * self._scale),
            anchor={"start": "ls", "middle": "ms", "end": "rs"}[label.anchor],
            stroke_width=self._scale if "value" in label.style else 0,
            stroke_fill=PAPER,
        )

    def stroke(self, stroke: Stroke) -> None:
        if stroke.style == "rule":
            self._line(stroke.points, RULE, 1)
        elif stroke.style == "chosen-line":
            for piece in _dashed(stroke.points, DASHES["chosen-line"]):
                self._line(piece, ACCENT, 1.4)
        else:
            self._line(stroke.points, _colour(stroke.style), 2.2)

    def mark(self, mark: Mark) -> None:
        if mark.style == "ring":
            self._circle(mark, 8, fill=PAPER, outline=ACCENT)
        elif mark.style == "cross":
            for side in (1, -1):
                ends = ((mark.x - 4 * side, mark.y - 4), (mark.x + 4 * side, mark.y + 4))
                self._line(ends, WARN, 2.2)
        else:
            colour = _colour(mark.style)
            hollow = mark.style.startswith("hollow")
            self._shape(mark, fill=PAPER if hollow else colour, outline=colour)

    def _shape(self, mark: Mark, *, fill: str, outline: str) -> None:
        if not mark.shape:
            self._circle(mark, 4, fill=fill, outline=outline, width=1.6)
            return
        corners = [((mark.x + x) * self._scale, (mark.y + y) * self._scale) for x, y in POLYGONS[mark.shape]]
        self._canvas.polygon(corners, fill=fill, outline=outline, width=round(1.6 * self._scale))

    def _circle(self, mark: Mark, radius: float, *, fill: str, outline: str, width: float = 2.4) -> None:
        self._canvas.circle(
            (mark.x * self._scale, mark.y * self._scale),
            radius * self._scale,
            fill=fill,
            outline=outline,
            width=round(width * self._scale),
        )

    def _line(self, points: Sequence[tuple[float, float]], colour: str, width: float) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._canvas.line(scaled, fill=colour, width=round(width * self._scale), joint="curve")


def _colour(style: str) -> str:
    return LINES[int(style[-1]) - 1]


def _dashed(
    points: Sequence[tuple[float, float]], pattern: tuple[float, ...]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The pieces that are painted of a straight line in dashes."""
    on, off = pattern
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(points):
        length = hypot(x1 - x0, y1 - y0)
        at = 0.0
        while at < length:
            start, stop = at / length, min(at + on, length) / length
            pieces.append(
                (
                    (x0 + start * (x1 - x0), y0 + start * (y1 - y0)),
                    (x0 + stop * (x1 - x0), y0 + stop * (y1 - y0)),
                )
            )
            at += on + off
    return pieces
