"""What a kind of bad input is: how it is made, which command meets it, what may come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], Sequence[object]]
"""Makes the bad thing in an empty folder; returns the command line (`OUT` stands for the output)."""
OUT = "out"
SECONDS = 10.0
BYTES = 1 << 30


@dataclass(frozen=True)
class Kind:
    """One kind of bad input.

    Attributes:
        name: `group/what`, unique.
        make: makes it, and says the command.
        harmless: whether the command may also do its work (exit 0), within the limits: odd, not wrong.
        live: whether a model answers; then what torch itself takes is not counted.
        sound: whether nothing is wrong: the command must do its work, so that others fail for their fault alone.
        quick: whether the tenth that `make test` runs may have it.
        seconds: how long the command may take.
    """

    name: str
    make: Make
    harmless: bool = False
    live: bool = False
    sound: bool = False
    quick: bool = True
    seconds: float = SECONDS

    @property
    def group(self) -> str:
        """The first part of its name."""
        return self.name.partition("/")[0]
