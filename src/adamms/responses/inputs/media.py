"""Pictures, sounds and videos of an input: paths, or contents that the inputs themselves carry.

A path is taken as the user wrote it: absolute, or relative to where the inputs lie, in any direction.
Contents come as data URIs, base64, bytes, or pictures of PIL; `keeping` makes files of them.
"""

import base64
import binascii
import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from adamms.checkpoints.local_files import NoRegularFileError, special_kind
from adamms.responses.inputs.problems import ProblemError
from adamms.responses.picture_files import IN_WORDS, opened_picture

LONGEST_PATH = 4096
MAGIC = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "Qk", "SUkqA", "TU0AK")
"""How PNG, JPEG, GIF, WebP, BMP and TIFF begin in base64."""
LEAST_BASE64 = 40
ONLY_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
INNER = ("bytes", "path", "url", "image_url", "image", "audio", "video", "data", "file", "file_name")
"""Keys under which a dict holds what it shows, the first that says something counts."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Contents that lie in the inputs; read when they are wanted, as a data set may hold gigabytes."""

    read: Callable[[], bytes]
    suffix: str = ""
    """Of a file that would hold it, where that is known."""


Media = Path | Embedded


def media_of(value: Any, role: str, folder: Path) -> tuple[Media, ...]:
    """What a value of an input shows or lets hear.

    Args:
        value: a path, an address of a file, a data URI, base64, bytes, a picture of PIL, a dict that holds
            one of them, or a list of such.
        role: image, audio or video.
        folder: where relative paths start.

    Raises:
        ProblemError: it is none of these, or something on the network.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, list | tuple):
        return tuple(medium for entry in value for medium in _some(entry, role, folder))
    return _some(value, role, folder)


def _some(value: Any, role: str, folder: Path) -> tuple[Media, ...]:
    if isinstance(value, Embedded):
        return (value,)
    if isinstance(value, Path):
        return (folder / value,)
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        return (Embedded(lambda: content),)
    if isinstance(value, str) and value:
        return (_of_text(value, role, folder),)
    if isinstance(value, Mapping):
        inner = next((value[key] for key in INNER if value.get(key)), None)
        if inner is not None and not isinstance(inner, list):
            return _some(inner, role, folder)
    if hasattr(value, "getbands") and hasattr(value, "save"):
        return (Embedded(lambda: _png(value), ".png"),)
    raise ProblemError(
        f'"{role}" must be a path, a data URI or a list of them, not {shortened(repr(value))}',
        kind=f"{role} is of no kind",
    )


def _of_text(text: str, role: str, folder: Path) -> Media:
    if text.startswith("data:"):
        return _of_data_uri(text, role)
    if role == "image" and _looks_like_base64(text):
        return _of_base64(text, role)
    if text.startswith("file:"):
        address = _address(text)
        if address is None or address.netloc not in ("", "localhost") or not address.path.startswith("/"):
            raise ProblemError(f"the {role} {shortened(text)} is no file: an address of one is file:///...")
        text = unquote(address.path)
    elif "://" in text:
        raise ProblemError(
            f"the {role} {shortened(text)} is an address; it must be a file on this machine",
            kind=f"{role} is an address",
        )
    if "\0" in text:
        raise ProblemError(f"the {role}'s path holds a NUL character")
    if len(text) > LONGEST_PATH:
        raise ProblemError(
            f"the {role} {shortened(text)} is neither a path nor a picture in base64",
            kind=f"{role} is too long",
        )
    return folder / text


def _address(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:  # brackets that hold no address of a machine
        return None


def _of_data_uri(text: str, role: str) -> Embedded:
    head, comma, content = text.partition(",")
    kind = head.removeprefix("data:").split(";")[0]
    if not comma or not head.endswith(";base64"):
        raise ProblemError(f"the {role} {shortened(text)} is a data URI that is not in base64")
    return _of_base64(content, role, suffix=f".{kind.partition('/')[2]}" if kind.isprintable() else "")


def _of_base64(text: str, role: str, *, suffix: str = "") -> Embedded:
    try:
        packed = "".join(text.split())
        content = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(
            f"the {role} {shortened(text)} is damaged base64", kind=f"{role} is damaged base64"
        ) from None
    return Embedded(lambda: content, suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else "")


def _looks_like_base64(text: str) -> bool:
    """Whether a text is a picture and no path: it begins as one, or is longer than any name."""
    if len(text) < LEAST_BASE64:
        return False
    begins = text.startswith(MAGIC)
    return (begins or len(text) > 255) and ONLY_BASE64.fullmatch(text[:LONGEST_PATH].rstrip()) is not None


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    # A mode that PNG does not know (CMYK, YCbCr) is shown in RGB to every model anyway.
    picture = picture if picture.mode in ("RGB", "RGBA", "L", "LA", "P", "1") else picture.convert("RGB")
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def image_problem(image: Media) -> str | None:
    """Why this cannot serve as an image, or None; decodes the header and checks the file's structure."""
    if isinstance(image, Path):
        name = f"the image {shortened(str(image), 200)}"
        try:
            if not image.exists():
                return f"{name} does not exist"
        except OSError as error:
            return f"{name} cannot be read: {str(error.strerror).lower()}"
    try:
        file = image if isinstance(image, Path) else io.BytesIO(image.read())
        with warnings.catch_warnings():
            # Its size is judged where it is decoded; here only the header is.
            warnings.simplefilter("ignore")
            with opened_picture(file) as opened:
                opened.verify()
    except NoRegularFileError as error:
        return f"the image {image} cannot be read: {error.strerror}"
    except IsADirectoryError:
        return f"the image {image} is a folder"
    except PermissionError:
        return f"the image {image} cannot be read: permission denied"
    except Exception:
        # A damaged file makes PIL's plug-ins raise nearly anything (SyntaxError, struct.error, ...).
        name = shortened(str(image), 200) if isinstance(image, Path) else "the picture inside the inputs"
        return f"{name} is not an image that can be read ({IN_WORDS})"
    return None


def file_problem(media: Media, role: str) -> str | None:
    """Why a sound or video cannot be opened, or None; it is not decoded."""
    if not isinstance(media, Path):
        return None
    name = shortened(str(media), 200)
    try:
        if media.is_file():
            return None
    except OSError:
        pass
    what = special_kind(media)
    return f"{name} is {what}, not a file" if what else f"there is no file {name}"


def shortened(text: str, longest: int = 60) -> str:
    """A text as messages show it."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
