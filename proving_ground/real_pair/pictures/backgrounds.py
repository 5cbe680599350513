"""What lies behind a drawing: a plain colour, or a photograph or texture of scikit-image and scikit-learn.

Textures of training pictures and of the others are apart.
"""

import random
from functools import cache
from importlib.resources import files

from PIL import Image

from proving_ground.real_pair.pictures.picture import PIXELS, Split

PLAIN = {
    "white": (250, 250, 250),
    "gray": (165, 165, 165),
    "yellow": (255, 226, 105),
    "pink": (255, 180, 203),
    "blue": (145, 190, 250),
    "green": (155, 220, 155),
    "orange": (255, 185, 105),
    "purple": (198, 168, 240),
}
TEXTURED = "textured"
TRAINED_TEXTURES = ("brick.png", "coffee.png", "hubble_deep_field.jpg", "flower.jpg", "rocket.jpg", "ihc.png")
HELD_OUT_TEXTURES = ("gravel.png", "grass.png", "china.jpg", "coins.png")


def textures(split: Split) -> tuple[str, ...]:
    """Return the textures that pictures of a split may use."""
    return TRAINED_TEXTURES if split == "train" else HELD_OUT_TEXTURES


def plain(colour: str, rng: random.Random) -> Image.Image:
    """Return a plain background, its colour a little off."""
    shade = tuple(min(255, max(0, value + rng.randint(-12, 12))) for value in PLAIN[colour])
    return Image.new("RGB", (PIXELS, PIXELS), shade)


def texture(file: str, rng: random.Random, *, pale: float) -> Image.Image:
    """Return a random piece of a photograph, mixed with so much of white."""
    picture = _photograph(file)
    side = rng.randint(PIXELS, min(picture.size))
    left, top = rng.randint(0, picture.width - side), rng.randint(0, picture.height - side)
    piece = picture.crop((left, top, left + side, top + side)).resize((PIXELS, PIXELS), Image.Resampling.BOX)
    return Image.blend(piece, Image.new("RGB", piece.size, (255, 255, 255)), pale)


@cache
def _photograph(file: str) -> Image.Image:
    folder = "sklearn.datasets.images" if file in ("china.jpg", "flower.jpg") else "skimage.data"
    with (files(folder) / file).open("rb") as stream:
        picture = Image.open(stream).convert("RGB")
    # Seen from a distance: the pieces show more than a blur.
    scale = 300 / min(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)))
