"""Two coloured shapes side by side or one above the other, of different size; and easy-vqa's own pictures."""

import math
import random

from PIL import Image, ImageDraw

from proving_ground.real_pair.pictures.backgrounds import plain
from proving_ground.real_pair.pictures.picture import PIXELS

COLOURS = {
    "red": (215, 30, 30),
    "green": (30, 150, 50),
    "blue": (35, 70, 215),
    "yellow": (245, 215, 30),
    "orange": (245, 135, 25),
    "purple": (130, 50, 165),
    "black": (20, 20, 20),
    "brown": (125, 75, 35),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart")
SCALE = 4
"""Shapes are drawn so much larger, then made small: smooth edges."""

SPOTS = {
    "horizontal": ((0.27, 0.5), (0.73, 0.5)),
    "vertical": ((0.5, 0.27), (0.5, 0.73)),
}


def two_shapes(
    things: tuple[tuple[str, str, float], tuple[str, str, float]], *, arranged: str, rng: random.Random
) -> Image.Image:
    """Draw two shapes.

    Args:
        things: colour, shape and radius (a share of the picture's side); first the left or the upper.
        arranged: `horizontal` or `vertical`.
        rng: small offsets, the shade of the background and of the colours.
    """
    side = PIXELS * SCALE
    picture = plain(rng.choice(("white", "gray")), rng).resize((side, side))
    pen = ImageDraw.Draw(picture)
    for (colour, shape, radius), (x, y) in zip(things, SPOTS[arranged], strict=True):
        shade = tuple(min(255, max(0, value + rng.randint(-12, 12))) for value in COLOURS[colour])
        place = (
            side * (x + rng.uniform(-0.03, 0.03)),
            side * (y + rng.uniform(-0.08, 0.08) * (arranged == "horizontal")),
        )
        _paint(pen, shape, place, radius * side, shade)
    return picture.resize((PIXELS, PIXELS), Image.Resampling.BOX)


def _paint(
    pen: ImageDraw.ImageDraw, shape: str, place: tuple[float, float], r: float, shade: tuple[int, ...]
) -> None:
    x, y = place
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    elif shape == "square":
        pen.rectangle((x - 0.88 * r, y - 0.88 * r, x + 0.88 * r, y + 0.88 * r), fill=shade)
    elif shape == "cross":
        pen.rectangle((x - r, y - r / 3, x + r, y + r / 3), fill=shade)
        pen.rectangle((x - r / 3, y - r, x + r / 3, y + r), fill=shade)
    elif shape == "heart":
        for side in (-1, 1):
            middle = x + side * r / 2
            pen.ellipse((middle - 0.53 * r, y - 0.95 * r, middle + 0.53 * r, y + 0.11 * r), fill=shade)
        pen.polygon([(x - r, y - 0.25 * r), (x + r, y - 0.25 * r), (x, y + r)], fill=shade)
    else:
        pen.polygon(_corners(shape, x, y, r), fill=shade)


def _corners(shape: str, x: float, y: float, r: float) -> list[tuple[float, float]]:
    if shape == "triangle":
        return [(x, y - r), (x + r, y + 0.8 * r), (x - r, y + 0.8 * r)]
    turns = [(math.radians(36 * k - 90), r if k % 2 == 0 else 0.42 * r) for k in range(10)]
    return [(x + length * math.cos(turn), y + length * math.sin(turn)) for turn, length in turns]
