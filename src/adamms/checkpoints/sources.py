"""How a model is named: a folder, a hub id `owner/name@revision`, and adapters behind a plus sign.

`MODEL+ADAPTER` is a model seen through a PEFT adapter; each part is a folder or a hub id of its own. A folder
whose name holds a plus sign is that folder: what exists on this machine decides, and a hub id holds none.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HUB_ID = re.compile(r"(?P<model>\w[\w.-]*/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
PLUS = "+"
MOST_ADAPTERS = 8
"""Behind one model; every way to read a name with more signs would be looked at."""


def parts_of(source: str, *, folder: Path | None = None) -> tuple[str, ...]:
    """A model's name, and those of its adapters in the order in which they are applied.

    Args:
        source: as a user writes it.
        folder: where relative paths start; the current folder when left out.

    Returns:
        `source` alone where it names no adapter, or none that could be found.
    """
    if not 0 < source.count(PLUS) <= MOST_ADAPTERS or _is_folder(source, folder):
        return (source,)
    readings: list[tuple[str, ...]] = []
    for at in reversed([place for place, letter in enumerate(source) if letter == PLUS]):
        model, adapter = parts_of(source[:at], folder=folder), source[at + 1 :]
        if all(is_a_name(part, folder=folder) for part in (*model, adapter)):
            readings.append((*model, adapter))
    # What lies on this machine before what a hub might have.
    return max(readings, key=lambda parts: sum(_is_folder(part, folder) for part in parts), default=(source,))


def is_a_name(part: str, *, folder: Path | None = None) -> bool:
    """Whether this names one model or adapter: a folder that exists, or what may be a hub id."""
    return _is_folder(part, folder) or HUB_ID.fullmatch(part) is not None


def resolved(source: str, *, folder: Path | None = None) -> str:
    """A name that means the same from anywhere: paths to what exists made absolute, links followed."""
    parts = parts_of(source, folder=folder)
    return PLUS.join(_resolved(part, folder) for part in parts)


def name_of(identity: Mapping[str, Any]) -> str:
    """The name that opens what an identity in `adamms.json` describes: with its revisions and adapters."""
    parts = [identity, *identity.get("adapters", [])]
    return PLUS.join(pinned(str(part["source"]), part.get("revision")) for part in parts)


def pinned(source: str, revision: str | None) -> str:
    """A folder as it is, and a hub id with the commit that was read."""
    return f"{source}@{revision}" if revision else source


def expanded(path: str | Path) -> Path:
    """A path with the home folder that `~` stands for; as it is where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path's raises on unknown users)


def is_text(name: str | Path) -> bool:
    """Whether a name, or any text, can be written down: a path of another encoding than UTF-8 cannot."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def exists(path: str | Path) -> bool:
    """Whether something lies there; a name that no file can have is not there."""
    try:
        return bool(str(path).strip()) and expanded(path).exists()
    except (OSError, ValueError):
        return False


def _place(source: str, folder: Path | None) -> Path:
    return (folder or Path()) / expanded(source)


def _is_folder(source: str, folder: Path | None) -> bool:
    try:
        return bool(source.strip()) and _place(source, folder).is_dir()
    except (OSError, ValueError):
        return False


def _resolved(source: str, folder: Path | None) -> str:
    try:
        place = _place(source, folder)
        return str(place.resolve()) if source.strip() and place.exists() else source
    except (OSError, ValueError):
        return source
