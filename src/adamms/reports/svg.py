"""Plots as inline SVG, for a page without a network.

Colours are the page's style classes, so one drawing serves light, dark and paper.
"""

from collections.abc import Sequence
from html import escape

from adamms.reports.plots import WIDE, Label, Mark, Panel, Shape, Stroke, draw

MARKS = (
    "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M{x} {y}m-3.6 -3.6h7.2v7.2h-7.2z",
    "M{x} {y}m0 -5l5 8.4h-10z",
    "M{x} {y}m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2z",
    "M{x} {y}m0 5l5 -8.4h-10z",
    "M{x} {y}m-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z",
)


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
    drawing = draw(panels, x_label=x_label, marked=marked, width=width)
    name = escape(name)
    return "\n".join(
        [
            f'<svg class="plot {"narrow" if width < WIDE else "wide"}" role="img" '
            f'viewBox="0 0 {drawing.width} {drawing.height}" '
            f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-desc">{escape(description)}</desc>',
            *map(_element, drawing.shapes),
            "</svg>",
        ]
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Label):
        at = f'x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="{shape.anchor}"'
        return f'<text class="{shape.style}" {at}>{escape(shape.text)}</text>'
    if isinstance(shape, Stroke):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polyline class="{shape.style}" points="{path}"/>'
    return _mark(shape)


def _mark(mark: Mark) -> str:
    if mark.style == "ring":
        return f'<circle class="ring" cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="8"/>'
    if mark.style == "cross":
        return f'<path class="cross" d="M{mark.x - 4:.1f} {mark.y - 4:.1f}l8 8m0 -8l-8 8"/>'
    outline = MARKS[mark.shape].format(x=f"{mark.x:.1f}", y=f"{mark.y:.1f}")
    return f'<path class="{mark.style}" d="{outline}"/>'
