"""The inputs' images inside the page: a thumbnail and one medium size of each, within a budget of bytes.

A page with a hundred photographs must stay small enough to mail. So every image gets the same allowance, and
of a ladder of sizes and qualities the first rung that fits is taken. What the original measured is kept, so
that the page can say that it shows less. Images may be gone or damaged; then the reason takes their place.
"""

import base64
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.responses.picture_files import opened_picture

if TYPE_CHECKING:
    from PIL import Image

BUDGET = 2_800_000
"""Bytes of data URIs that all images of a page may take together."""

THUMBNAIL = ((96, 62), (64, 55))
"""Longest side in pixels and JPEG quality, best first; so are the medium sizes."""
THUMBNAIL_SHARE = 0.3
MEDIUM = ((512, 74), (512, 60), (448, 60), (384, 58), (320, 56), (256, 52), (192, 50), (128, 45))

SMALL = 96
"""An image no larger than this is kept as it is, without loss: single pixels may matter."""


@dataclass(frozen=True)
class Picture:
    """One image as the page shows it."""

    name: str
    thumbnail: str | None
    """A data URI, or None where the image cannot be shown."""
    medium: str | None
    """A data URI, or None where the thumbnail is all that the budget allows."""
    about: str
    """Size, and what is shown of it; or why there is nothing to see."""


def pictures(paths: Iterable[Path], *, budget: int = BUDGET) -> dict[Path, Picture]:
    """Every distinct image once.

    Args:
        paths: images on this machine; they may be missing or damaged.
        budget: bytes that all data URIs may take together, as far as the ladder's lowest rung allows.
    """
    distinct = list(dict.fromkeys(paths))
    allowance = budget / max(len(distinct), 1)
    return {path: _picture(path, allowance) for path in distinct}


def _picture(path: Path, allowance: float) -> Picture:
    if not path.is_file():
        return Picture(path.name, None, None, "the image file is not there any more")
    try:
        image, size = _opened(path)
    except Exception:
        # A damaged image makes PIL's plug-ins raise nearly anything; a page without it is still a page.
        return Picture(path.name, None, None, "the file is not an image that can be read")
    caption = f"{size[0]} × {size[1]} pixels"
    if max(size) <= SMALL and (uri := _png(image, allowance)):
        return Picture(path.name, uri, uri, caption)
    thumbnail, _ = _fitting(image, THUMBNAIL, THUMBNAIL_SHARE * allowance, last_resort=True)
    medium, shown_size = _fitting(image, MEDIUM, allowance - len(thumbnail or ""), last_resort=False)
    if medium is None:
        return Picture(path.name, thumbnail, None, f"{caption}; only a thumbnail fits into this page")
    smaller = f"; shown at {shown_size[0]} × {shown_size[1]}" if shown_size != size else ""
    return Picture(path.name, thumbnail, medium, caption + smaller)


def _opened(path: Path) -> tuple["Image.Image", tuple[int, int]]:
    """An image on white, upright, no larger than is needed, and its original size."""
    from PIL import Image, ImageOps

    largest = MEDIUM[0][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with opened_picture(path) as opened:
            size = opened.size
            opened.draft("RGB", (largest, largest))
            image = ImageOps.exif_transpose(opened)
            if image.size != opened.size:
                size = (size[1], size[0])
            image.thumbnail((largest, largest), reducing_gap=2.0)
            image = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image, mask=image.getchannel("A"))
    return flat, size


def _fitting(
    image: "Image.Image", ladder: tuple[tuple[int, int], ...], allowance: float, *, last_resort: bool
) -> tuple[str | None, tuple[int, int]]:
    """The first rung that fits, else the lowest one as a last resort, else nothing."""
    uri = None
    for longest, quality in ladder:
        small = image.copy()
        small.thumbnail((longest, longest))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        uri = _uri("jpeg", buffer)
        if len(uri) <= allowance:
            return uri, small.size
    return (uri if last_resort else None), small.size


def _png(image: "Image.Image", allowance: float) -> str | None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    uri = _uri("png", buffer)
    return uri if 2 * len(uri) <= allowance else None


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
