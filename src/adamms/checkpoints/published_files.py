"""What of a merged model's folder is published: what the merge wrote and what it carried over, nothing else.

A folder on somebody's disk gathers more: notes, a desktop's hidden files, links to elsewhere. None of these
were meant when it was merged, and a link may lead to a file that is nobody's business.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.auxiliary_files import ABOUT, CARRIED, auxiliary_files
from adamms.checkpoints.local_files import read_text
from adamms.errors import CheckpointError

OWN = (ABOUT, "README.md", "recipe.yaml", "curve.png")
"""What is written beside weights, their index and what is carried over."""


@dataclass(frozen=True)
class PublishedFiles:
    """The files of a merged model that are meant, and those beside them."""

    names: tuple[str, ...]
    """Relative to the folder, sorted."""
    left_out: Mapping[str, str]
    """Name -> why it is not published."""


def published_files(folder: Path, *, weights: tuple[str, ...]) -> PublishedFiles:
    """Sort the files of a merged model's folder.

    Args:
        folder: the merged model.
        weights: its shards, and their index if there is one.

    Raises:
        CheckpointError: `adamms.json` cannot be read, or a part of the model is a link.
    """
    present = list(_walk(folder))
    names = [name for name, _ in present]
    try:
        about = json.loads(read_text(folder / ABOUT))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / ABOUT} cannot be read: {error}.") from None
    needed = {*weights, *OWN}
    meant = needed | set(_carried(about, names))
    kept, left_out = [], {}
    for name, kind in present:
        if kind is not None and name in needed:
            raise CheckpointError(f"{folder / name} is {kind}; publish a folder that holds the file itself.")
        if kind is not None:
            left_out[name] = kind
        elif any(part.startswith(".") for part in Path(name).parts):
            left_out[name] = "hidden"
        elif name not in meant:
            left_out[name] = "not of the merge"
        else:
            kept.append(name)
    return PublishedFiles(tuple(sorted(kept)), dict(sorted(left_out.items())))


def _carried(about: Any, names: list[str]) -> list[str]:
    """What travelled along; of a merge that did not record it, whatever would travel from its folder."""
    carried = about.get(CARRIED) if isinstance(about, dict) else None
    if isinstance(carried, list):
        return [name for name in carried if isinstance(name, str)]
    return list(auxiliary_files(names))


def _walk(folder: Path, below: str = "") -> Iterator[tuple[str, str | None]]:
    """All names, links not followed; with what it is where that is no file."""
    with os.scandir(folder / below) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{below}{entry.name}"
            if entry.is_symlink():
                yield name, f"a link to {Path(entry.path).readlink()}"
            elif entry.is_dir(follow_symlinks=False):
                yield from _walk(folder, f"{name}/")
            else:
                yield name, None if entry.is_file(follow_symlinks=False) else "no regular file"
