"""Pictures from which nothing can be read: blurred, dark, or with the thing cut off at the edge."""

import random

from PIL import Image, ImageFilter

from proving_ground.real_pair.pictures.compositing import Placement, background, paste
from proving_ground.real_pair.pictures.picture import PIXELS

DAMAGES = ("blurred", "dark", "cropped")


def blurred(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Blur until no form is left."""
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(13, 18)))


def darkened(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Leave a few per cent of the light."""
    share = rng.uniform(0.02, 0.05)
    return picture.point(lambda value: round(value * share))


def cropped(drawing: Image.Image, placement: Placement, rng: random.Random) -> Image.Image:
    """Push a drawing out of the picture until an eighth of it is left."""
    picture = background(placement, rng)
    paste(
        picture,
        drawing,
        side=0.9 * PIXELS,
        angle=placement.angle,
        where=(0.0, rng.uniform(0, 1)),
        visible=rng.uniform(0.08, 0.14),
    )
    return picture
