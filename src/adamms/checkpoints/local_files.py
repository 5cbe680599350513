"""Files that somebody names, opened without trust: a file is a regular file, whatever path leads to it.

A named pipe would be waited for without end, a device never ends, a socket is none. They are told by what
was opened, not by a look beforehand, so nothing can be exchanged in between. All refusals are kinds of
OSError with a `strerror` that finishes a sentence, which every reader here says anyway.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from adamms.checkpoints.file_calls import OPEN_FLAGS, WITHOUT_WAITING
from adamms.checkpoints.limits import KB, MB, TEXT
from adamms.errors import MACHINE_FAULTS, MachineError

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class NoRegularFileError(OSError):
    """Something lies there, and it is no file that can be read from its beginning to its end."""


class TooLargeError(OSError):
    """A file has more bytes than any of its kind."""


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, opened for reading; links are followed.

    Raises:
        NoRegularFileError: it is a pipe, a device or a socket.
        OSError: it cannot be opened; of a folder an IsADirectoryError.
        MachineError: that is the machine's fault.
    """
    try:
        # Without waiting for who writes into a pipe; to a regular file it makes no difference.
        descriptor = os.open(path, os.O_RDONLY | WITHOUT_WAITING | OPEN_FLAGS)
    except OSError as error:
        if kind := special_kind(path):
            raise _refused(path, kind) from error
        raise _as_machines(error, path) or error from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind := _kind(mode):
            raise _refused(path, kind)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | Path, *, limit: int = TEXT) -> bytes:
    """All of a regular file that has at most `limit` bytes.

    Raises:
        TooLargeError: it has more.
        OSError: as `open_regular`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        require_size(size, limit=limit, path=path)
        # No more than that, however it may grow while it is read.
        with machine_faults(path):
            return file.read(size)


def require_size(size: int, *, limit: int, path: str | Path) -> None:
    """Insist that a file is as small as its kind is.

    Raises:
        TooLargeError: it is not.
    """
    if size > limit:
        most = f"{limit // MB} MB" if limit >= MB else f"{limit // KB} kB"
        reason = f"it has {size / MB:,.1f} MB, and no file of its kind has more than {most}"
        raise TooLargeError(errno.EINVAL, reason, str(path))


def read_text(path: str | Path, *, encoding: str = "utf-8", limit: int = TEXT) -> str:
    """All of a regular text file that has at most `limit` bytes, its line ends made `\\n`.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: it is not text in this encoding.
    """
    return read_bytes(path, limit=limit).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def machine_faults(path: str | Path) -> Iterator[None]:
    """What the machine fails at while a file is read is no fault of the file.

    Raises:
        MachineError: an input/output error, too many open files.
    """
    try:
        yield
    except OSError as error:
        raise _as_machines(error, path) or error from None


def _as_machines(error: OSError, path: str | Path) -> MachineError | None:
    if error.errno not in MACHINE_FAULTS:
        return None
    return MachineError(f"{path} cannot be read: {error.strerror}.")


def special_kind(path: str | Path) -> str | None:
    """What lies at a path where it is a pipe, a device or a socket; None for files, folders and nothing."""
    try:
        return _kind(os.stat(path).st_mode)  # noqa: PTH116 (also of a text)
    except (OSError, ValueError):
        return None


def _kind(mode: int) -> str | None:
    return next((kind for fits, kind in KINDS if fits(mode)), None)


def _refused(path: str | Path, kind: str) -> NoRegularFileError:
    return NoRegularFileError(errno.EINVAL, f"it is {kind}, not a file", str(path))
