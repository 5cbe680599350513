"""A planned picture, drawn."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import Image

from proving_ground.real_pair.pictures import digits, emoji
from proving_ground.real_pair.pictures.backgrounds import plain
from proving_ground.real_pair.pictures.charts import bar_chart
from proving_ground.real_pair.pictures.compositing import Placement, composed, paste, rimmed
from proving_ground.real_pair.pictures.countries import countries, flag_drawing
from proving_ground.real_pair.pictures.damage import blurred, cropped, darkened
from proving_ground.real_pair.pictures.easy import easy_picture
from proving_ground.real_pair.pictures.lettering import lettered
from proving_ground.real_pair.pictures.picture import PIXELS, Picture, seeded
from proving_ground.real_pair.pictures.shapes import SPOTS, two_shapes


def drawn(picture: Picture, *, cache_folder: Path) -> Image.Image:
    """Draw a picture: RGB, `PIXELS` square."""
    return _PAINTERS[picture.kind](picture, cache_folder)


@lru_cache(maxsize=2000)
def _emoji(maker: str, code: str, cache_folder: Path) -> Image.Image:
    drawing = emoji.drawing(maker, code, cache_folder=cache_folder)
    if drawing is None:
        raise ValueError(f"{maker} has no drawing of {code}")
    return drawing


@lru_cache(maxsize=1000)
def _flag(maker: str, code: str, cache_folder: Path) -> Image.Image:
    country = next(country for country in countries(cache_folder) if country.code == code)
    drawing = flag_drawing(maker, country, cache_folder=cache_folder)
    if drawing is None:
        raise ValueError(f"{maker} has no flag of {code}")
    return drawing


def placement_of(picture: Picture) -> Placement:
    """Read a placement back from a picture's facts."""
    keys = ("place", "size", "angle", "background", "texture", "rim")
    return Placement(**{key: picture.facts[key] for key in keys})


def _draw_emoji(picture: Picture, cache_folder: Path) -> Image.Image:
    drawing = _emoji(picture.maker, picture.concept, cache_folder)
    return composed(drawing, placement_of(picture), seeded("draw", picture.name))


def _draw_flag(picture: Picture, cache_folder: Path) -> Image.Image:
    drawing = _flag(picture.maker, picture.concept, cache_folder)
    return composed(drawing, placement_of(picture), seeded("draw", picture.name))


def _draw_digit(picture: Picture, cache_folder: Path) -> Image.Image:
    index = picture.facts["index"]
    if picture.maker == "mnist":
        ink = digits.mnist(int(picture.concept), cache_folder)[index]
    else:
        ink = digits.scikit_learn()[0][index]
    return digits.handwritten(ink, dark=picture.facts["dark"])


def _draw_lettered(picture: Picture, cache_folder: Path) -> Image.Image:
    facts = picture.facts
    return lettered(
        picture.concept.upper(),
        font=facts["font"],
        ink=facts["ink"],
        behind=facts["texture"],
        width=facts["width"],
        rng=seeded("draw", picture.name),
    )


def _draw_pair(picture: Picture, cache_folder: Path) -> Image.Image:
    rng = seeded("draw", picture.name)
    facts = picture.facts
    image = plain(facts["background"], rng)
    for code, size, (x, y) in zip(facts["codes"], facts["sizes"], SPOTS[facts["arranged"]], strict=True):
        drawing = rimmed(_emoji(picture.maker, code, cache_folder), facts["rim"])
        side = size * PIXELS * rng.uniform(0.94, 1.0)
        # SPOTS are middles; paste wants shares of the room that is left.
        scale = side / max(drawing.size)
        room = (PIXELS - drawing.width * scale, PIXELS - drawing.height * scale)
        left = (x * PIXELS - drawing.width * scale / 2) / room[0]
        top = (y * PIXELS - drawing.height * scale / 2) / room[1]
        where = (min(1.0, max(0.0, left)), min(1.0, max(0.0, top)))
        paste(image, drawing, side=side, angle=rng.uniform(-8, 8), where=where)
    return image


def _draw_shapes(picture: Picture, cache_folder: Path) -> Image.Image:
    first, second = (tuple(thing) for thing in picture.facts["things"])
    return two_shapes((first, second), arranged=picture.facts["arranged"], rng=seeded("draw", picture.name))


def _draw_easy(picture: Picture, cache_folder: Path) -> Image.Image:
    return easy_picture(picture.facts["number"], train=picture.facts["train"])


def _draw_chart(picture: Picture, cache_folder: Path) -> Image.Image:
    facts = picture.facts
    return bar_chart(
        [(colour, height) for colour, height in facts["bars"]], grid=facts["grid"], width=facts["width"]
    )


def _draw_spoiled(picture: Picture, cache_folder: Path) -> Image.Image:
    rng = seeded("draw", picture.name)
    drawing = _emoji(picture.maker, picture.concept, cache_folder)
    placement = placement_of(picture)
    if picture.facts["damage"] == "cropped":
        return cropped(drawing, placement, rng)
    clear = composed(drawing, placement, rng)
    return blurred(clear, rng) if picture.facts["damage"] == "blurred" else darkened(clear, rng)


_PAINTERS: dict[str, Callable[[Picture, Path], Image.Image]] = {
    "emoji": _draw_emoji,
    "other": _draw_emoji,
    "flag": _draw_flag,
    "digit": _draw_digit,
    "word": _draw_lettered,
    "number": _draw_lettered,
    "pair": _draw_pair,
    "shapes": _draw_shapes,
    "easy": _draw_easy,
    "chart": _draw_chart,
    "spoiled": _draw_spoiled,
}
