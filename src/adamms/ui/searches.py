"""A search beside the page: in a thread of its own, telling how far it is, and stopped when asked to."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adamms.recipes.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """How far a search is."""

    title: str
    done: int
    total: int
    unit: str
    notes: tuple[str, ...] = ()
    """What it said so far."""


class StoppedError(Exception):
    """The visitor has stopped the search."""


class BesideSearch:
    """One running search."""

    def __init__(self, recipe: Recipe, out: Path) -> None:
        """Start it.

        Args:
            recipe: with a search.
            out: the run directory to write.
        """
        self.out = out
        self._stages: queue.SimpleQueue[Stage | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(recipe,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it at the next answer."""
        self._stop.set()

    def stages(self) -> Iterator[Stage]:
        """How far it is, whenever that changes, until it has ended.

        Raises:
            AdaMMSError: why it could not be done.
            StoppedError: it was stopped.
        """
        while (stage := self._stages.get()) is not None:
            # Only the newest matters to a page that draws slower than answers come.
            while not self._stages.empty():
                newer = self._stages.get()
                if newer is None:
                    self._stages.put(None)
                    break
                stage = newer
            yield stage
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, recipe: Recipe) -> None:
        # Late: a search brings torch.
        from adamms.runs.pipeline import run

        try:
            run(recipe, self.out, progress=_Told(self._stages.put, self._stop))
        except BaseException as error:
            self._error = error
        self._stages.put(None)


class _Told:
    """A run's progress, as stages."""

    def __init__(self, tell: Callable[[Stage], None], stop: threading.Event) -> None:
        self._tell, self._stop = tell, stop
        self._notes: tuple[str, ...] = ()
        self._last = Stage("Reading the models", 0, 0, "")

    def say(self, message: str) -> None:
        self._notes = (*self._notes, message)
        self._told(self._last.title, self._last.done, self._last.total, self._last.unit)

    @contextmanager
    def stage(self, title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
        def advance(units: int) -> None:
            nonlocal done
            done += units
            self._told(title, done, total, unit)

        advance(0)
        yield advance

    def _told(self, title: str, done: int, total: int, unit: str) -> None:
        if self._stop.is_set():
            raise StoppedError
        self._last = Stage(title, done, total, unit, self._notes)
        self._tell(self._last)
