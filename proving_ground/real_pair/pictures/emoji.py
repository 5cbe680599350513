"""Drawings of emoji by six makers, as RGBA pictures cut to what is drawn.

Two makers publish pictures of 64 pixels, the others vectors. OpenMoji's are never trained on.
"""

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from proving_ground.real_pair.pictures.packages import unpacked

TRAINED = ("google", "twitter", "fluent", "emojione", "blob")
HELD_OUT = "openmoji"
VECTOR_SIDE = 128


def drawing(maker: str, code: str, *, cache_folder: Path) -> Image.Image | None:
    """Return a maker's drawing of a code, None where it has none."""
    source = _source(maker, code, cache_folder)
    if source is None:
        return None
    if isinstance(source, str):
        return cut_to_content(rasterised(source.encode()))
    if source.suffix == ".svg":
        return cut_to_content(rasterised(source.read_bytes()))
    return cut_to_content(Image.open(source).convert("RGBA"))


def is_drawn(maker: str, code: str, *, cache_folder: Path) -> bool:
    """Whether a maker has a drawing of a code."""
    return _source(maker, code, cache_folder) is not None


@cache
def _source(maker: str, code: str, cache_folder: Path) -> Path | str | None:
    """The file of a drawing, or its SVG."""
    if maker not in ("google", "twitter", HELD_OUT):
        return _iconify_markup(maker, code, cache_folder)
    spellings = (code, f"{code}-fe0f")
    if maker == HELD_OUT:
        # src/ carries a template grid, color/svg the drawings alone.
        folder = unpacked(maker, cache_folder) / "color" / "svg"
        files = [folder / f"{spelled.upper()}.svg" for spelled in spellings]
    else:
        folder = unpacked(maker, cache_folder) / "img" / maker / "64"
        files = [folder / f"{spelled}.png" for spelled in spellings]
    return next((file for file in files if file.exists()), None)


def rasterised(svg: bytes, *, width: int = VECTOR_SIDE) -> Image.Image:
    """Return a vector drawing as pixels."""
    import cairosvg

    return Image.open(io.BytesIO(cairosvg.svg2png(bytestring=svg, output_width=width))).convert("RGBA")


def cut_to_content(picture: Image.Image) -> Image.Image:
    """Cut off what is transparent around a drawing."""
    return picture.crop(picture.getbbox() or (0, 0, *picture.size))


@cache
def catalogue(cache_folder: Path) -> dict[str, dict[str, Any]]:
    """OpenMoji's entries (annotation, group, subgroups), by lower-case code without variation selector."""
    entries = json.loads((unpacked(HELD_OUT, cache_folder) / "data" / "openmoji.json").read_text("utf-8"))
    return {
        entry["hexcode"].lower().removesuffix("-fe0f"): entry for entry in entries if not entry["skintone"]
    }


@cache
def _icons(maker: str, cache_folder: Path) -> dict[str, Any]:
    return json.loads((unpacked(maker, cache_folder) / "icons.json").read_text("utf-8"))


@cache
def _characters(maker: str, cache_folder: Path) -> dict[str, str]:
    return json.loads((unpacked(maker, cache_folder) / "chars.json").read_text("utf-8"))


def _iconify_markup(maker: str, code: str, cache_folder: Path) -> str | None:
    """An icon of an Iconify set: by its code where the set lists codes, else by its Unicode name."""
    entry = catalogue(cache_folder).get(code)
    name = _characters(maker, cache_folder).get(code) or (slug(entry["annotation"]) if entry else "")
    return icon_markup(maker, name, cache_folder=cache_folder)


def icon_markup(maker: str, name: str, *, cache_folder: Path) -> str | None:
    """Return an icon's SVG by its name in the set, None where there is none."""
    icons = _icons(maker, cache_folder)
    name = icons.get("aliases", {}).get(name, {}).get("parent", name)
    icon = icons["icons"].get(name)
    if icon is None:
        return None
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}">{icon["body"]}</svg>'
    )


def slug(annotation: str) -> str:
    """Spell a Unicode name as the icon sets do: `lady beetle` is `lady-beetle`."""
    return re.sub(r"[^a-z0-9]+", "-", annotation.lower()).strip("-")
