"""Pictures of the zoo: 48 x 48 pixels, nine cells, coloured shapes; and the words that describe each cell.

A `Scene` is what there is to see; `draw` paints it, never twice alike (size, place, background and noise
vary). `cell_words` gives, for each of the nine cells, the words a vision tower should say about it: the
language model is pretrained on bags of these words, the towers are taught to emit them. Three kinds:
`grid` (shapes in cells), `big` (one shape somewhere, as easy-vqa's pictures) and `digit` (a handwritten
digit; those are real pictures, `draw` refuses them).
"""

import math
import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFilter

from proving_ground.vocabulary import COLOURS, COLUMNS, NUMBERS, ROWS, SHAPES

SIZE, CELL, CELLS = 48, 16, 9
PALETTE = {
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
    "yellow": (255, 255, 0),
}
EASY_VQA_SHAPES = ("circle", "rectangle", "triangle")


@dataclass(frozen=True)
class Thing:
    """A coloured shape in a cell (0 is the top left, 8 the bottom right)."""

    colour: str
    shape: str
    cell: int


@dataclass(frozen=True)
class Scene:
    """What a picture shows."""

    kind: Literal["grid", "big", "digit"]
    things: tuple[Thing, ...] = ()
    digit: int = 0


def cell_name(cell: int) -> tuple[str, str]:
    """Name a cell by its row and its column."""
    return ROWS[cell // 3], COLUMNS[cell % 3]


def cell_words(scene: Scene) -> list[tuple[str, ...]]:
    """Return the words that describe each of the nine cells."""
    if scene.kind == "digit":
        return [(*cell_name(cell), "digit", NUMBERS[scene.digit]) for cell in range(CELLS)]
    if scene.kind == "big":
        thing = scene.things[0]
        return [(*cell_name(cell), thing.colour, thing.shape) for cell in range(CELLS)]
    by_cell = {thing.cell: (thing.colour, thing.shape) for thing in scene.things}
    return [(*cell_name(cell), *by_cell.get(cell, ("empty",))) for cell in range(CELLS)]


def grid_scene(rng: random.Random, *, things: int) -> Scene:
    """Put `things` random shapes into different cells."""
    cells = rng.sample(range(CELLS), things)
    return Scene("grid", tuple(Thing(rng.choice(COLOURS), rng.choice(SHAPES), cell) for cell in cells))


def big_scene(rng: random.Random) -> Scene:
    """Show one shape, somewhere, in the manner of easy-vqa."""
    return Scene("big", (Thing(rng.choice(COLOURS), rng.choice(EASY_VQA_SHAPES), 4),))


def digit_scene(rng: random.Random) -> Scene:
    """Show one digit (its picture comes from the handwritten ones)."""
    return Scene("digit", digit=rng.randrange(10))


def draw(scene: Scene, rng: random.Random) -> Image.Image:
    """Paint a scene of shapes: nine different backgrounds of the same scene are nine different pictures."""
    if scene.kind == "digit":
        raise ValueError("digits are real pictures: take them from proving_ground.pictures")
    scale = 4
    side = SIZE * scale
    picture = Image.new("RGB", (side, side), tuple(rng.randint(225, 255) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for thing in scene.things:
        if scene.kind == "big":
            radius = rng.uniform(0.1, 0.26) * side
            x, y = rng.uniform(radius, side - radius), rng.uniform(radius, side - radius)
        else:
            radius = rng.uniform(5.2, 7.2) * scale
            x = (thing.cell % 3 + 0.5) * CELL * scale + rng.uniform(-1, 1) * scale
            y = (thing.cell // 3 + 0.5) * CELL * scale + rng.uniform(-1, 1) * scale
        colour = tuple(min(255, max(0, c + rng.randint(-18, 18))) for c in PALETTE[thing.colour])
        _paint(pen, thing.shape, (x, y, radius), colour=colour, rng=rng)
    small = picture.resize((SIZE, SIZE), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.5)))


def _paint(
    pen: ImageDraw.ImageDraw,
    shape: str,
    place: tuple[float, float, float],
    *,
    colour: tuple[int, ...],
    rng: random.Random,
) -> None:
    x, y, r = place
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif shape == "ring":
        pen.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=max(1, int(r * 0.38)))
    elif shape == "rectangle":
        flat = rng.uniform(0.62, 0.95)
        a, b = (r, r * flat) if rng.random() < 0.5 else (r * flat, r)
        pen.rectangle((x - a, y - b, x + a, y + b), fill=colour)
    elif shape == "cross":
        w = r * 0.3
        pen.rectangle((x - r, y - w, x + r, y + w), fill=colour)
        pen.rectangle((x - w, y - r, x + w, y + r), fill=colour)
    elif shape == "heart":
        half = r * 0.55
        for side in (-1, 1):
            pen.ellipse((x + side * half - half, y - r, x + side * half + half, y + r * 0.1), fill=colour)
        pen.polygon([(x - r, y - r * 0.3), (x + r, y - r * 0.3), (x, y + r)], fill=colour)
    else:
        pen.polygon(_corners(shape, x, y, r), fill=colour)


def _corners(shape: str, x: float, y: float, r: float) -> list[tuple[float, float]]:
    if shape == "triangle":
        return [(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)]
    if shape == "diamond":
        return [(x, y - r), (x + r * 0.75, y), (x, y + r), (x - r * 0.75, y)]
    turns = [(-90 + 36 * k, r if k % 2 == 0 else r * 0.42) for k in range(10)]
    return [(x + d * math.cos(math.radians(a)), y + d * math.sin(math.radians(a))) for a, d in turns]
