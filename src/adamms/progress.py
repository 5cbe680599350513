"""How long work tells how far it is: a thin protocol, so that no room knows terminals.

The command line draws bars (`cli/console.py`); the Python functions are silent unless they are given one.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Told by a run how far it is."""

    def stage(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of `total` units; the returned function is called with the units done since."""

    def say(self, message: str) -> None:
        """One line a person should see."""


class Silent:
    """No progress shown."""

    def stage(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """A stage that nobody watches."""
        return nullcontext(lambda _: None)

    def say(self, message: str) -> None:
        """Say nothing."""
