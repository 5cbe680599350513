"""An output folder that appears under its name whole, or not at all.

Everything is written into a hidden work folder beside the output and renamed at the end, so a killed
process leaves nothing under the output's name, and an earlier output stays until the new one is complete.
One class for merged checkpoints and for search runs; it does not know what is written into it.

    merged/                      the output, after `commit`
    .merged.adamms-partial/      the work folder
    .merged.adamms-lock          held (flock) by the process that writes
    .merged.adamms-replaced/     the earlier output, for the instant between two renames
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from adamms.checkpoints.file_calls import OPEN_FLAGS, can_sync_folders, lock, remove_lock
from adamms.checkpoints.sources import expanded, is_text
from adamms.errors import MACHINE_FAULTS, MachineError, OutputError


class OutputFolder:
    """A folder being written; a context manager that leaves either the whole output or nothing.

    Attributes:
        target: where the output will lie.
        path: the hidden work folder; write into it.
        discarded: whether what an interrupted process had written was removed.
        resumed: whether `path` still holds what an interrupted process had written.
        keep_on_failure: whether leaving without `commit` keeps the work folder for a later `resume`.
    """

    def __init__(self, target: Path, *, marker: str, keep_on_failure: bool) -> None:
        self.target = target
        self.path = _beside(target, "partial")
        self.discarded = False
        self.resumed = False
        self.keep_on_failure = keep_on_failure
        self._replaced = _beside(target, "replaced")
        self._marker = marker
        self._lock: int | None = None
        self._committed = False
        self._made: list[Path] = []

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        marker: str = "adamms.json",
        keep_on_failure: bool = False,
    ) -> Self:
        """Claim the place `path` and make the work folder beside it.

        Args:
            path: where the output will lie; its parents are made.
            overwrite: replace an earlier output of ours, at the very end; without `resume` also discard
                what an interrupted run left.
            resume: go on in the work folder that an interrupted process left, if there is one.
            marker: the file by which an earlier output is known to be ours.
            keep_on_failure: keep the work folder when the output is not completed.

        Raises:
            OutputError: the place is taken by other files, by an earlier output, or by a running process.
            MachineError: the disk cannot be written.
        """
        if not str(path).strip():
            raise OutputError("No output folder is named.")
        if str(path).startswith("~") and expanded(path) == Path(path):
            raise OutputError(f"There is no user whose home {path} could be in; choose another folder.")
        if not is_text(path):
            raise OutputError(f"The name {str(path)!a} is not UTF-8; choose another.")
        # The name as it is given: what a link points to is not ours to replace.
        target = Path(os.path.abspath(expanded(path)))  # noqa: PTH100
        if not target.name:
            raise OutputError(f"{path} cannot be an output folder; name a folder that does not exist yet.")
        folder = cls(target, marker=marker, keep_on_failure=keep_on_failure)
        with folder._explained():
            folder._make_parents()
            folder._acquire()
        try:
            with folder._explained():
                folder._recover()
                folder._check(overwrite=overwrite)
                folder._prepare(overwrite=overwrite, resume=resume)
        except BaseException:
            folder._release()
            folder._remove_parents()
            raise
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._committed:
                self._recover()
                if not self.keep_on_failure:
                    shutil.rmtree(self.path, ignore_errors=True)
        finally:
            self._release()
            if not self._committed:
                self._remove_parents()
        if isinstance(error, OSError) and error.errno in MACHINE_FAULTS:
            raise self._machine_error(error) from error

    def commit(self) -> None:
        """Make everything durable, then rename the work folder to the output's name.

        Raises:
            OutputError: somebody else has put something there meanwhile.
            MachineError: the disk cannot be written.
        """
        with self._explained():
            for file in sorted(self.path.rglob("*")):
                if not file.is_symlink():
                    sync(file)
            sync(self.path)
            if self._is_ours(self.target):
                self.target.rename(self._replaced)
            try:
                self.path.rename(self.target)
            except OSError as error:
                self._recover()
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                self.keep_on_failure = True
                raise OutputError(
                    f"{self.target} was taken by somebody else while it was being made; the finished output "
                    f"lies in {self.path}."
                ) from None
            self._committed = True
            sync(self.target.parent)
            shutil.rmtree(self._replaced, ignore_errors=True)

    # Claiming the place

    def _make_parents(self) -> None:
        """Make the folders that lead to the output, and remember which there were not."""
        self._made = [parent for parent in self.target.parents if not os.path.lexists(parent)]
        self.target.parent.mkdir(parents=True, exist_ok=True)

    def _remove_parents(self) -> None:
        """Remove the folders that were made for nothing; those that hold something stay."""
        for parent in self._made:
            with suppress(OSError):
                parent.rmdir()

    def _acquire(self) -> None:
        path = _beside(self.target, "lock")
        while self._lock is None:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | OPEN_FLAGS, 0o666)
            try:
                lock(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                raise OutputError(
                    f"Another process is writing {self.target}; wait for it, or choose another folder."
                ) from None
            except OSError as error:
                # A file system without locks: nobody can hold one, so there is none to respect.
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                    os.close(descriptor)
                    raise
            if _is_same_file(descriptor, path):
                self._lock = descriptor
            else:
                # Its holder finished and removed the lock file between our opening and locking it.
                os.close(descriptor)

    def _release(self) -> None:
        if self._lock is not None:
            remove_lock(_beside(self.target, "lock"), self._lock)
            self._lock = None

    def _recover(self) -> None:
        """Finish or undo what a process did that was killed while it replaced an earlier output."""
        if os.path.lexists(self._replaced):
            if os.path.lexists(self.target):
                shutil.rmtree(self._replaced)
            else:
                self._replaced.rename(self.target)

    def _check(self, *, overwrite: bool) -> None:
        if not os.path.lexists(self.target):
            return
        if self.target.is_symlink() or not self.target.is_dir():
            raise OutputError(f"{self.target} exists and is not a folder; choose another place.")
        if os.path.ismount(self.target):
            raise OutputError(
                f"{self.target} is a mount point, which cannot be replaced; name a folder inside it."
            )
        if self._is_ours(self.target):
            if not overwrite:
                raise OutputError(f"{self.target} already holds an output; give --overwrite to replace it.")
        elif any(self.target.iterdir()):
            raise OutputError(
                f"{self.target} exists and holds files that are not an output of ours (there is no "
                f"{self._marker} in it); choose another folder."
            )

    def _is_ours(self, folder: Path) -> bool:
        return (folder / self._marker).is_file()

    def _prepare(self, *, overwrite: bool, resume: bool) -> None:
        """Make the work folder. That of a dead process is reused, refused or removed."""
        if self.path.is_symlink():
            raise OutputError(f"{self.path} is a link and no work folder of ours; remove it.")
        left = self.path.is_dir() and any(self.path.iterdir())
        if left and self.keep_on_failure and not resume and not overwrite:
            raise OutputError(
                f"An interrupted run towards {self.target} lies in {self.path}; go on with --resume, or "
                "start anew with --overwrite."
            )
        self.resumed = left and resume
        self.discarded = left and not self.resumed
        if not self.resumed and os.path.lexists(self.path):
            shutil.rmtree(self.path)
        self.path.mkdir(exist_ok=True)

    # Explaining

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in MACHINE_FAULTS:
                raise self._machine_error(error) from error
            raise OutputError(f"{self.target} cannot be written: {_reason(error)}.") from error

    def _machine_error(self, error: OSError) -> MachineError:
        free = shutil.disk_usage(self.target.parent).free
        return MachineError(
            f"{self.target} cannot be written: {_reason(error)} "
            f"({in_words(free)} are free on that disk); nothing was left under its name."
        )


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    if path.is_dir() and not can_sync_folders():
        return
    descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems have no fsync for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def in_words(size: int) -> str:
    """A number of bytes as a person says it."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _beside(target: Path, role: str) -> Path:
    return target.parent / f".{target.name}.adamms-{role}"


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)) + (f": {error.filename}" if error.filename else "")
