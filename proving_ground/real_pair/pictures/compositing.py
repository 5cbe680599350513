"""A drawing on a background: where it stands, how large, how much it leans.

`Placement` is planned by chance and kept among a picture's facts, since questions and descriptions name it.
"""

import random
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image, ImageFilter

from proving_ground.real_pair.pictures.backgrounds import PLAIN, TEXTURED, plain, texture, textures
from proving_ground.real_pair.pictures.picture import PIXELS, Split

PALE = 0.45
"""How much white is in a texture behind a drawing; the drawing must stay the clearest thing."""

RIMS = (0, 2, 3)

PLACES = {
    "centre": (0.5, 0.5),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
}
"""Where a drawing stands: 0 .. 1 from the left and from the top, of the room that it leaves."""


@dataclass(frozen=True)
class Placement:
    """How a drawing stands in its picture."""

    place: str
    size: float
    """Its longer side, as a share of the picture's."""
    angle: float
    """Degrees, counter-clockwise."""
    background: str
    """The name of a plain colour, or `textured`."""
    texture: str = ""
    rim: int = 0
    """Width of a black line around the drawing: OpenMoji draws such lines, the trained makers do not."""

    def to_facts(self) -> dict[str, Any]:
        """The placement as facts of a picture."""
        return asdict(self)

    @property
    def large(self) -> bool:
        """Whether it fills the picture; what does stands in its centre."""
        return self.size >= 0.75


def placed_by_chance(
    rng: random.Random, split: Split, *, textured: float = 0.12, lean: float = 12, rims: bool = False
) -> Placement:
    """Draw a placement; of training pictures two of three have a rim where `rims` are wanted."""
    large = rng.random() < 0.8
    size = rng.uniform(0.78, 0.94) if large else rng.uniform(0.5, 0.62)
    place = "centre" if large else rng.choice(tuple(PLACES)[1:])
    behind = TEXTURED if rng.random() < textured else rng.choice(tuple(PLAIN))
    return Placement(
        place=place,
        size=round(size, 3),
        angle=round(rng.uniform(-lean, lean), 1),
        background=behind,
        texture=rng.choice(textures(split)) if behind == TEXTURED else "",
        rim=rng.choice(RIMS) if rims and split == "train" else 0,
    )


def background(placement: Placement, rng: random.Random) -> Image.Image:
    """Draw the background of a placement."""
    if placement.background == TEXTURED:
        return texture(placement.texture, rng, pale=PALE)
    return plain(placement.background, rng)


def composed(drawing: Image.Image, placement: Placement, rng: random.Random) -> Image.Image:
    """Draw a picture of one thing."""
    picture = background(placement, rng)
    x, y = PLACES[placement.place]
    drawing = rimmed(drawing, placement.rim)
    paste(picture, drawing, side=placement.size * PIXELS, angle=placement.angle, where=(x, y))
    return picture


def rimmed(drawing: Image.Image, width: int) -> Image.Image:
    """Draw a black line around a drawing, made 128 pixels large first; none where its width is 0."""
    if not width:
        return drawing
    scale = 128 / max(drawing.size)
    size = (max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale)))
    enlarged = drawing.resize(size, Image.Resampling.BICUBIC)
    wide = Image.new("RGBA", (size[0] + 4 * width, size[1] + 4 * width))
    wide.paste(enlarged, (2 * width, 2 * width))
    line = Image.new("RGBA", wide.size, (15, 15, 15, 255))
    line.putalpha(wide.getchannel("A").filter(ImageFilter.MaxFilter(2 * width + 1)))
    return Image.alpha_composite(line, wide)


def paste(
    picture: Image.Image,
    drawing: Image.Image,
    *,
    side: float,
    angle: float,
    where: tuple[float, float],
    visible: float = 1.0,
) -> None:
    """Put a drawing into a picture.

    Args:
        picture: changed in place.
        drawing: RGBA.
        side: the drawing's longer side, in pixels.
        angle: degrees, counter-clockwise.
        where: 0 .. 1 from the left and from the top, of the room that the drawing leaves.
        visible: less than 1 pushes it out of the picture by its left side until so much remains.
    """
    turned = drawing.rotate(angle, Image.Resampling.BICUBIC, expand=True) if angle else drawing
    scale = side / max(turned.size)
    size = (max(1, round(turned.width * scale)), max(1, round(turned.height * scale)))
    small = turned.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    left = round(where[0] * (picture.width - size[0]))
    top = round(where[1] * (picture.height - size[1]))
    if visible < 1:
        left = -round(size[0] * (1 - visible))
    picture.paste(small, (left, top), small)
