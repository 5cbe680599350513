"""Where inputs come from, and what their reader may be told: data alone, nothing is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adamms.checkpoints.sources import HUB_ID, exists, expanded
from adamms.errors import SearchError

FILE_KINDS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".zip")
"""Names that end so are files that are missing, and no data sets of a hub."""

ROLES = ("prompt", "image", "audio", "video", "id", "answer", "choices", "task")
"""What a column may be used as."""

Records = Sequence[Mapping[str, Any]]
"""Inputs that are in memory, from Python: a list of dicts, pictures as PIL has them or as paths."""


@dataclass(frozen=True)
class InputSource:
    """Inputs as a user names them."""

    source: str | Path | Records
    """A file, a folder, a data set of a hub (`OWNER/NAME[@REVISION][:CONFIG]`), or records in memory."""
    prompt: str | None = None
    """Asked where an input has no prompt of its own, as pictures in a folder have not."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Role -> the columns (or keys) that have it, where their names do not tell."""
    image_folder: Path | None = None
    """Where relative paths of pictures start; at the file's own folder when left out."""
    split: str | None = None
    """Of a data set; its validation split, or whichever it has, when left out."""

    @property
    def records(self) -> Records | None:
        """The records, where they are in memory."""
        return None if isinstance(self.source, str | Path) else self.source

    @property
    def path(self) -> Path:
        """The file or folder; nothing may be there."""
        assert isinstance(self.source, str | Path)
        return expanded(self.source)

    @property
    def name(self) -> str:
        """How messages call it."""
        return str(self.source) if isinstance(self.source, str | Path) else "the inputs"

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is no file or folder: in memory, or on a hub."""
        return self.records is not None or self.is_remote

    @property
    def is_remote(self) -> bool:
        """Whether this names a data set of a hub: nothing lies there, and it looks like one."""
        return isinstance(self.source, str | Path) and is_hub_name(str(self.source))


def is_hub_name(source: str) -> bool:
    """Whether this is written as a data set of a hub, and no file or folder of the name is here."""
    name = source.partition(":")[0]
    written_so = HUB_ID.fullmatch(name) is not None and not name.lower().endswith(FILE_KINDS)
    return written_so and not exists(source)


def parse_columns(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`ROLE=NAME` as often as it is given; several columns of one role keep their order.

    Raises:
        SearchError: a role is unknown, or a pair is none.
    """
    columns: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        role, equals, name = (part.strip() for part in pair.partition("="))
        if role not in ROLES or not equals or not name:
            raise SearchError(
                f"--column takes ROLE=NAME, for example prompt=caption; roles are {', '.join(ROLES)}; "
                f"not {pair!r}."
            )
        columns[role] = (*columns.get(role, ()), name)
    return columns
