"""The files of a checkpoint, wherever they lie: names, sizes, bytes. It does not know what the files mean.

`ModelFiles` is what a local folder (`LocalFolder`, here) and a hub repository (`hub.HubFiles`) have in
common. Of a folder nothing outside is ever read: links are followed only to places inside it, or, in a hub
cache's snapshot, to the cache's own blobs.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Protocol

from adamms.checkpoints.limits import DEPTH, FILES, FOLDERS
from adamms.checkpoints.local_files import TooLargeError, machine_faults, open_regular, require_size
from adamms.errors import CheckpointError

# Version control and caches; never part of a model.
IGNORED_FOLDERS = (".git", ".cache", ".huggingface", "__pycache__", ".ipynb_checkpoints")


class ModelFiles(Protocol):
    """The files of one checkpoint."""

    source: str
    """The checkpoint's folder or hub id, for messages."""
    names: tuple[str, ...]
    """The files at the top, and perhaps those below."""

    def has(self, name: str) -> bool:
        """Whether there is such a file, at the top or below."""

    def every_name(self) -> tuple[str, ...]:
        """All files, those in subfolders included, relative to the checkpoint and sorted."""

    def size(self, name: str) -> int:
        """A file's size in bytes."""

    def read(self, name: str, start: int, length: int) -> bytes:
        """The bytes of a file at `start`, fewer at its end."""

    def local_path(self, name: str) -> Path:
        """Where a file lies on this machine (a small one is downloaded if need be)."""

    def contents(self, name: str, *, limit: int) -> bytes:
        """All of a small file; a CheckpointError where it has more than `limit` bytes."""


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint was located; `folder` is None while only headers of a hub model are to be read."""

    source: str
    files: ModelFiles
    folder: Path | None
    revision: str | None = None


class LocalFolder:
    """The files of a checkpoint that lies in a folder."""

    def __init__(self, path: Path, *, source: str) -> None:
        self.path = path
        self.source = source
        self._roots = _allowed_roots(path)
        self.names = tuple(sorted(entry.name for entry in _scan(path) if not _is_folder(entry)))

    def has(self, name: str) -> bool:
        """Whether there is such a file, at the top or below."""
        return os.path.lexists(self.path / name)

    def every_name(self) -> tuple[str, ...]:
        """All files, those in subfolders included, relative to the checkpoint and sorted."""
        names = list(islice(self._walk(self.path, (os.path.realpath(self.path),), count()), FILES + 1))
        if len(names) > FILES:
            raise self._too_many()
        return tuple(sorted(names))

    def _too_many(self) -> CheckpointError:
        return CheckpointError(
            f"{self.source} holds more than {FILES:,} files or {FOLDERS:,} folders, or {DEPTH} inside one "
            "another, perhaps by links to its own folders; give a folder that holds the model alone."
        )

    def _walk(self, folder: Path, ancestors: tuple[str, ...], visits: Iterator[int]) -> Iterator[str]:
        if len(ancestors) > DEPTH or next(visits) > FOLDERS:
            raise self._too_many()
        for entry in _scan(folder):
            real = os.path.realpath(entry.path)
            if not _is_folder(entry):
                yield Path(entry.path).relative_to(self.path).as_posix()
            # A link to a folder is that folder's contents once more, unless it leads back up or out.
            elif entry.name not in IGNORED_FOLDERS and real not in ancestors and self._allowed(real):
                yield from self._walk(Path(entry.path), (*ancestors, real), visits)

    def _allowed(self, real: str) -> bool:
        return any(real == root or real.startswith(root + os.sep) for root in self._roots)

    def size(self, name: str) -> int:
        """A file's size in bytes."""
        return self.local_path(name).stat().st_size

    def read(self, name: str, start: int, length: int) -> bytes:
        """The bytes of a file at `start`, fewer at its end."""
        path = self.local_path(name)
        try:
            with machine_faults(path), open_regular(path) as file:
                # Never more than is there: a header may ask for anything.
                length = min(length, max(os.fstat(file.fileno()).st_size - start, 0))
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise CheckpointError(f"{name} in {self.source} cannot be read: {error.strerror}.") from None

    def contents(self, name: str, *, limit: int) -> bytes:
        """All of a small file."""
        return self.read(name, 0, small_size(self, name, limit=limit))

    def local_path(self, name: str) -> Path:
        """Where a file lies, its links followed.

        Raises:
            CheckpointError: the file is a link to a place outside the checkpoint, or to nothing.
        """
        path = self.path / name
        real = os.path.realpath(path)
        if not self._allowed(real):
            raise CheckpointError(
                f"{name} in {self.source} is a link to {real}, outside the checkpoint; nothing outside is "
                "read, so put the file itself into the folder."
            )
        if not os.path.isfile(real):  # noqa: PTH113 (false, not an error, where one may not look)
            what = "a link to nothing" if path.is_symlink() else "not a regular file"
            raise CheckpointError(f"{name} in {self.source} is {what}; fetch the checkpoint again.")
        return Path(real)


def small_size(files: ModelFiles, name: str, *, limit: int) -> int:
    """The size of a file that is to be read at once.

    Raises:
        CheckpointError: it is larger than any of its kind.
    """
    size = files.size(name)
    try:
        require_size(size, limit=limit, path=name)
    except TooLargeError as error:
        raise CheckpointError(f"{name} in {files.source} is not read: {error.strerror}.") from None
    return size


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with machine_faults(folder), os.scandir(folder) as entries:
            listed = list(islice(entries, FILES + 1))
    except OSError as error:
        raise CheckpointError(f"The folder {folder} cannot be read: {error.strerror}.") from None
    if len(listed) > FILES:
        raise CheckpointError(
            f"{folder} holds more than {FILES:,} files, which no model has; give a folder that holds the "
            "model alone."
        )
    return listed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself.
        return False


def _allowed_roots(path: Path) -> tuple[str, ...]:
    real = Path(os.path.realpath(path))
    if real.parent.name != "snapshots":
        return (str(real),)
    # A hub cache: models--owner--name/snapshots/<commit>/file -> ../../blobs/<hash>, which may itself be a
    # link into the blobs that all repositories of the cache share.
    repository = real.parent.parent
    return (str(real), str(repository / "blobs"), str(repository.parent / "blobs"))
