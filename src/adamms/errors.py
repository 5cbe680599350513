"""The few kinds of error a user can meet.

Every message is one clear sentence (or a short list of problems) that says what is wrong, where, and what
to do. The command line prints the message without a traceback and exits with `exit_code`.
"""

import errno
from collections.abc import Iterable
from importlib.util import find_spec

EXTRAS = {
    "torch": "search",
    "transformers": "search",
    "accelerate": "spread",
    "sentence_transformers": "embedding",
    "gradio": "ui",
    "ray": "ray",
    "pyarrow": "datasets",
    "datasets": "datasets",
    "pandas": "notebook",
    "matplotlib": "notebook",
}
"""Packages that the core leaves out, and the extra of ours that brings each."""


class AdaMMSError(Exception):
    """The user's input is wrong; the base of every error raised on purpose."""

    exit_code = 2


class CheckpointError(AdaMMSError):
    """A checkpoint cannot be read: missing, truncated, unsafe, or not a checkpoint at all."""


class MappingError(AdaMMSError):
    """Two models cannot be mapped onto each other, or a mapping does not fit them."""


class MergeError(AdaMMSError):
    """A merge cannot be done as asked: a setting out of range, a NaN in a source."""


class SearchError(AdaMMSError):
    """A search cannot be run, or its answers cannot be compared."""


class EvaluationError(AdaMMSError):
    """Answers cannot be scored as asked, or scores cannot be compared."""


class RecipeError(AdaMMSError):
    """A recipe does not say what to do; all its problems are in the message."""


class OutputError(AdaMMSError):
    """The output's place is taken: by the user's own files, or by another process writing there."""


MACHINE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE)
"""Of the system's errors: full disk, full quota, broken disk, read-only file system, no more files."""


class MachineError(AdaMMSError):
    """The machine failed, not the input: the disk is full, a file cannot be written."""

    exit_code = 1


class MissingPackageError(AdaMMSError):
    """What is asked for needs a package that the core leaves out and that is not installed."""

    def __init__(self, package: str) -> None:
        extra = EXTRAS[package]
        super().__init__(
            f"This needs {package}, which is not installed and not part of adamms' core; install it with: "
            f"pip install 'adamms[{extra}]'"
        )


def did_you_mean(name: str, known: Iterable[str], *, most: int = 2) -> str:
    """A question that names what was perhaps meant, a space before it; nothing where nothing is near.

    Args:
        name: what was written.
        known: what could have been.
        most: names that are offered.
    """
    # Late: only mistakes need it.
    from difflib import get_close_matches

    by_lower = {word.lower().replace("_", "-"): word for word in known}
    near = get_close_matches(name.lower().replace("_", "-"), by_lower, n=most, cutoff=0.6)
    return f" Did you mean {' or '.join(by_lower[word] for word in near)}?" if near else ""


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence about a name that is none: what was perhaps meant, and all that there are.

    Args:
        what: the kind of thing, such as `rule`.
        name: what was written.
        known: what could have been.
    """
    names = tuple(known)
    meant = did_you_mean(name, names)
    listed = f"; d{meant[2:]} There is" if meant else "; there is"
    return f"There is no {what} {name!r}{listed}: {', '.join(names)}."


def require_packages(*packages: str) -> None:
    """Insist that packages which the core leaves out are installed, without importing them.

    Raises:
        MissingPackageError: the first that is not.
    """
    for package in packages:
        try:
            missing = find_spec(package) is None
        except (ModuleNotFoundError, ValueError):
            missing = True
        if missing:
            raise MissingPackageError(package)
