"""Words and numbers in fonts of Debian, over photographs and textures.

Training pictures use other fonts than the rest. Upper case, two or three signs in the middle that fill the
width: a letter is two to four patches wide. So a linear reader of the patches tells nine of ten letters; of
words of two to four letters that stood anywhere it read 9 %.
"""

import random
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from proving_ground.real_pair.pictures.backgrounds import texture
from proving_ground.real_pair.pictures.picture import PIXELS, Split
from proving_ground.real_pair.tables import table

FOLDER = Path("/usr/share/fonts/truetype")
TRAINED_FONTS = (
    "dejavu/DejaVuSans-Bold.ttf",
    "dejavu/DejaVuSerif-Bold.ttf",
    "dejavu/DejaVuSansMono-Bold.ttf",
    "freefont/FreeSansBold.ttf",
    "freefont/FreeSerifBold.ttf",
    "lato/Lato-Black.ttf",
)
HELD_OUT_FONTS = ("liberation/LiberationSans-Bold.ttf", "liberation/LiberationSerif-Bold.ttf")
DEBIAN_PACKAGES = ("fonts-dejavu-core", "fonts-freefont-ttf", "fonts-lato", "fonts-liberation")

INKS = {
    "white": (255, 255, 255),
    "black": (15, 15, 15),
    "red": (200, 20, 20),
    "blue": (25, 50, 190),
    "yellow": (255, 230, 40),
    "green": (20, 120, 40),
}
LIGHT = ("white", "yellow")
OFF = 2
"""Pixels that a word may be off the middle."""

WORDS = tuple(row["word"] for row in table("short_words"))


def fonts(split: Split) -> tuple[str, ...]:
    """Return the fonts that a split's pictures may use."""
    return TRAINED_FONTS if split == "train" else HELD_OUT_FONTS


def missing_fonts() -> list[str]:
    """Font files that are not on this machine."""
    return [name for name in (*TRAINED_FONTS, *HELD_OUT_FONTS) if not (FOLDER / name).exists()]


def lettered(text: str, *, font: str, ink: str, behind: str, width: float, rng: random.Random) -> Image.Image:
    """Draw a word over a texture.

    Args:
        text: drawn as it is.
        font: a file of `fonts`.
        ink: a name of `INKS`; a rim of the opposite brightness keeps the letters apart from what is behind.
        behind: a texture.
        width: the word's width as a share of the picture's.
        rng: where it stands, and which piece of the texture is behind.
    """
    picture = texture(behind, rng, pale=0.1 if ink in LIGHT else 0.6)
    letters = _font(font, 48)
    left, top, right, bottom = letters.getbbox(text, stroke_width=2)
    size = min(48 * width * PIXELS / (right - left), 48 * 0.75 * PIXELS / (bottom - top))
    letters = _font(font, round(size))
    left, top, right, bottom = letters.getbbox(text, stroke_width=2)
    x = (PIXELS - (right - left)) / 2 - left + rng.uniform(-OFF, OFF)
    y = (PIXELS - (bottom - top)) / 2 - top + rng.uniform(-OFF, OFF)
    rim = INKS["black"] if ink in LIGHT else INKS["white"]
    ImageDraw.Draw(picture).text((x, y), text, font=letters, fill=INKS[ink], stroke_width=2, stroke_fill=rim)
    return picture


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FOLDER / name, size)
