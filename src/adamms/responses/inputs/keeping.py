"""Inputs as files of a run's own: what they carry inside is written down, and what they ask beside it.

A folder kept so is read like any other inputs file, whatever became of the data set, the table or the Python
objects that it came from. Files are named by their contents, so that a resumed run finds what it wrote.
"""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from adamms.responses.inputs.example import Example
from adamms.responses.inputs.media import Embedded, Media
from adamms.responses.inputs.records import Entry

INPUTS = "inputs.jsonl"
FILES = "files"
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}


def keep(entries: Sequence[Entry], folder: Path) -> list[Example]:
    """Write inputs into a folder; returns their questions, all that they show in files."""

    def file_of(medium: Media) -> Path:
        return medium if isinstance(medium, Path) else _written(medium, folder / FILES)

    examples = [entry.example(file_of) for entry in entries]
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_line(example, folder), ensure_ascii=False) for example in examples]
    (folder / INPUTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return examples


def _written(medium: Embedded, folder: Path) -> Path:
    """The file that holds this; written once, and then left as it is."""
    content = medium.read()
    path = folder / f"{hashlib.sha256(content).hexdigest()[:24]}{medium.suffix or _suffix(content)}"
    if not (path.exists() and path.stat().st_size == len(content)):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def _suffix(content: bytes) -> str:
    from adamms.responses.picture_files import opened_picture

    try:
        with opened_picture(io.BytesIO(content)) as image:
            return SUFFIXES.get(str(image.format), "")
    except Exception:  # a sound or a video
        return ""


def _line(example: Example, folder: Path) -> dict[str, object]:
    line: dict[str, object] = {"id": example.id, "prompt": example.prompt}
    for role, files in (("image", example.images), ("audio", example.audio), ("video", example.video)):
        if files:
            line[role] = _names(files, folder)
    return line | ({"answer": example.answer} if example.answer is not None else {})


def _names(files: Sequence[Path], folder: Path) -> list[str]:
    """Beside the inputs by a relative path, which stays right when the folder is moved."""
    return [
        os.path.relpath(file, folder) if folder in file.parents else str(file.absolute()) for file in files
    ]
