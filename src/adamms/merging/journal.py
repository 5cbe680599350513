"""What a merge has written, so that a killed one goes on where it stood.

A line a task, added after its values were written; the first line says of what merge it is. Every value of
a merge depends on its place alone, so what is in the files need not be written again, and what may be torn is
simply written once more. The values are made durable before the lines that speak of them.
"""

import json
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.checkpoints import CheckpointWriter

NAME = "merge-journal.jsonl"
# Bytes between two times that the values are made durable: seconds of work to lose, and no waiting for disks.
DURABLE_EVERY = 1 << 31


class Journal:
    """The journal of one merge: which tasks are done.

    Attributes:
        done: the tasks of the interrupted run, by number.
    """

    def __init__(
        self,
        folder: Path,
        writer: "CheckpointWriter",
        *,
        about: dict[str, Any],
        durable_every: int = DURABLE_EVERY,
    ) -> None:
        """Open the journal in a folder; one that is of another merge is begun anew.

        Args:
            folder: where it lies.
            writer: the checkpoint it speaks of.
            about: what makes the merge what it is: sources, mapping, method, settings.
            durable_every: bytes of values between two times that they are made durable.
        """
        self._path = folder / NAME
        self._writer = writer
        self._lock = Lock()
        self._waiting: list[int] = []
        self._bytes = 0
        self._durable_every = durable_every
        first = json.dumps(about, sort_keys=True)
        self.done = _read(self._path, first) if writer.resumed else frozenset()
        # Written again even when resumed: a line that a kill tore must not be continued.
        lines = [first, *map(str, sorted(self.done))]
        self._path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def add(self, task: int, nbytes: int) -> None:
        """Note a task whose values are written."""
        with self._lock:
            self._waiting.append(task)
            self._bytes += nbytes
            if self._bytes >= self._durable_every:
                self.flush()

    def flush(self) -> None:
        """Make the values durable, then the lines about them."""
        if not self._waiting:
            return
        self._writer.sync()
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{task}\n" for task in self._waiting))
            file.flush()
            os.fdatasync(file.fileno())
        self._waiting, self._bytes = [], 0

    def remove(self) -> None:
        """The merge is complete: the output holds no journal."""
        self._path.unlink(missing_ok=True)


def holds_progress(folder: Path) -> bool:
    """Whether an interrupted merge has written anything in a folder that is worth going on with."""
    try:
        return (folder / NAME).read_bytes().count(b"\n") > 1
    except OSError:
        return False


def _read(path: Path, first: str) -> frozenset[int]:
    """The tasks of a journal that begins with `first`; none if it does not."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return frozenset()
    # The last line may be torn in the middle of a number.
    numbers = lines[1:-1] if lines[0] == first else []
    return frozenset(int(line) for line in numbers if line.isdecimal())
