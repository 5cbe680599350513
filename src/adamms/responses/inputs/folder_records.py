"""Records from a folder of pictures that are all asked the same, or a picture alone.

A folder that brings `metadata.jsonl` or `metadata.csv` beside its pictures says there what is asked.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from adamms.errors import SearchError
from adamms.responses.inputs.problems import ProblemError, Tally
from adamms.responses.inputs.records import Record, Records
from adamms.responses.inputs.source import InputSource

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
"""Names that pictures have; whether they are some is looked at in their files."""
QUESTIONS = (".jsonl", ".json", ".csv", ".tsv")
METADATA = ("metadata.jsonl", "metadata.json", "metadata.csv", "metadata.tsv")


def read_folder(source: InputSource, tally: Tally) -> Records | None:
    """The pictures in a folder and below it, in the order of their names; None where there are none.

    Raises:
        SearchError: pictures are there, and nothing says what to ask.
    """
    folder = source.path
    files = sorted(
        (path for path in folder.rglob("*") if not _hidden(path.relative_to(folder)) and path.is_file()),
        key=lambda path: _by_numbers(path.relative_to(folder)),
    )
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not images:
        return None
    if source.prompt is None:
        texts = [str(path.relative_to(folder)) for path in files if path.suffix.lower() in QUESTIONS]
        perhaps = f" (perhaps {texts[0]})" if texts else ""
        raise SearchError(
            f"{folder} is a folder of {len(images):,} pictures, and nothing says what to ask about them: "
            f'give --prompt "What is in the picture?", or name the file that holds questions{perhaps}.'
        )
    if len(files) > len(images):
        others = len(files) - len(images)
        tally.remark("{count} files are no pictures by their names and are left out.", others)
    return Records("folder of pictures", _pictures(images, folder), folder)


def metadata_of(folder: Path) -> Path | None:
    """The file in a folder of pictures that says what is asked about them, as `datasets` has it."""
    return next((folder / name for name in METADATA if (folder / name).is_file()), None)


def _pictures(images: list[Path], folder: Path) -> Iterator[Record | tuple[str, ProblemError]]:
    for number, path in enumerate(images, start=1):
        name = path.relative_to(folder).as_posix()
        yield Record(name, number, {"id": name, "image": path.relative_to(folder)})


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _by_numbers(path: Path) -> list[tuple[int, int, str]]:
    """A key that puts `2.png` before `10.png`."""
    parts = re.split(r"(\d{1,18})", path.as_posix())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
