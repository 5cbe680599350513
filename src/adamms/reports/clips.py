"""The inputs' sound and videos inside the page, to be played from it, within a budget of bytes.

Sound is packed as MP3 where `soundfile` is there (`adamms[audio]`): a tenth of what a WAV takes. The budget
is spent in the order given, so that the inputs shown first have theirs; what does not fit says so.
"""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adamms.reports.wording import size

BUDGET = 8_000_000
"""Bytes of data URIs that all clips of a page may take together."""
LARGEST = 200_000_000
"""Bytes of a sound file that is tried to be packed."""

Kind = Literal["audio", "video"]
TYPES: dict[Kind, tuple[tuple[int, bytes, str], ...]] = {
    "audio": (
        (8, b"WAVE", "wav"),
        (0, b"ID3", "mpeg"),
        (0, b"\xff\xfb", "mpeg"),
        (0, b"OggS", "ogg"),
        (0, b"fLaC", "flac"),
        (4, b"ftyp", "mp4"),
    ),
    "video": ((4, b"ftyp", "mp4"), (0, b"\x1aE\xdf\xa3", "webm"), (0, b"OggS", "ogg")),
}
"""What browsers play: where in a file which bytes stand, and what it is then called."""


@dataclass(frozen=True)
class Clip:
    """A sound or video file as the page plays it."""

    name: str
    kind: Kind
    uri: str | None
    """A data URI, or None where it cannot be played."""
    about: str
    """Its size, or why there is nothing to play."""


def clips(files: Iterable[tuple[Kind, Path]], *, budget: int = BUDGET) -> dict[Path, Clip]:
    """Every distinct file once.

    Args:
        files: on this machine, in the order in which they are wanted; they may be missing or damaged.
        budget: bytes that all data URIs may take together.
    """
    made: dict[Path, Clip] = {}
    for kind, path in files:
        if path not in made:
            made[path] = _clip(kind, path, budget)
            budget -= len(made[path].uri or "")
    return made


def _clip(kind: Kind, path: Path, budget: int) -> Clip:
    try:
        length = path.stat().st_size if path.is_file() else None
        if length is None:
            return Clip(path.name, kind, None, "the file is not there any more")
        uri = (_packed(path, length) if kind == "audio" else None) or _as_it_is(kind, path, length, budget)
    except OSError as error:
        return Clip(path.name, kind, None, f"the file cannot be read: {error.strerror}")
    if uri is None:
        return Clip(path.name, kind, None, f"{size(length)}, no format that browsers play, or too large")
    if len(uri) > budget:
        return Clip(path.name, kind, None, f"{size(length)}, too large for this page")
    return Clip(path.name, kind, uri, size(length))


def _as_it_is(kind: Kind, path: Path, length: int, budget: int) -> str | None:
    if length * 4 // 3 > budget:
        return None
    content = path.read_bytes()
    for at, sign, name in TYPES[kind]:
        if content[at : at + len(sign)] == sign:
            return _uri(f"{kind}/{name}", content)
    return None


def _packed(path: Path, length: int) -> str | None:
    """The sound as MP3; None where nothing can read it, or write that."""
    if length > LARGEST:
        return None
    try:
        import soundfile  # type: ignore[import-untyped]

        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples[:, :2], rate, format="MP3")
    except (ImportError, OSError, RuntimeError, ValueError, TypeError):
        # soundfile's own errors are RuntimeErrors; an unknown rate or format is a ValueError or TypeError.
        return None
    return _uri("audio/mpeg", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
