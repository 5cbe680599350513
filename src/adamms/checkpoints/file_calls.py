"""Calls of the operating system that not every one has: the best one that is there, or a plain one instead.

Linux has them all, macOS lacks reserving space, Windows lacks most. What is read and written is the same.
"""

import os
import threading
from pathlib import Path

OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Of every file: not for the programs that we start, and byte by byte."""
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""Of a file that may turn out to be a pipe or a terminal."""

# A system without calls that name their position moves the file's own; nobody else may in between.
_position = threading.Lock()


def read_at(descriptor: int, view: memoryview, position: int) -> int:
    """Read into `view` what stands at `position` of a file; returns how many bytes, 0 at its end."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], position)
    if hasattr(os, "pread"):
        content = os.pread(descriptor, len(view), position)
    else:
        with _position:
            os.lseek(descriptor, position, os.SEEK_SET)
            content = os.read(descriptor, len(view))
    view[: len(content)] = content
    return len(content)


def write_at(descriptor: int, view: memoryview, position: int) -> int:
    """Write `view` at `position` of a file; returns how many bytes were taken."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, view, position)
    with _position:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.write(descriptor, view)


def reserve(descriptor: int, size: int) -> None:
    """Give a file its size, and where that can be had the space for it."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def lock(descriptor: int) -> None:
    """Hold a file for this process alone, until it is closed.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        _lock_on_windows(descriptor)
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_on_windows(descriptor: int) -> None:
    from importlib import import_module

    try:
        msvcrt = import_module("msvcrt")
    except ImportError:  # neither system's locks: nobody can hold one
        return
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(error.errno, error.strerror) from None


def can_sync_folders() -> bool:
    """Whether a folder can be opened to make its entries durable."""
    return os.name == "posix"


def remove_lock(path: Path, descriptor: int) -> None:
    """Take away a lock file that we hold, and let go of it."""
    if os.name == "posix":
        path.unlink(missing_ok=True)
        os.close(descriptor)
        return
    # Windows removes no file that is open.
    os.close(descriptor)
    try:
        path.unlink(missing_ok=True)
    except PermissionError:  # the next process has it already
        return
