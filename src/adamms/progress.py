"""How long work tells how far it is: a thin protocol, and what draws it for a person.

Bars with rates and time left on a terminal, one line that is written again in a notebook, plain lines
elsewhere. Rates count neither what an interrupted run had done nor the time until the first unit, in which a
model loads.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TextIO

Advance = Callable[[int], None]
MOMENT = 0.5
"""Seconds in which no rate can be told."""


class Progress(Protocol):
    """Told by a run how far it is."""

    def stage(
        self, title: str, *, total: int, unit: str, done: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of `total` units, `done` of which are there already; the returned function is called with
        the units done since."""

    def say(self, message: str) -> None:
        """One line a person should see."""


class Silent:
    """No progress shown."""

    def stage(
        self, title: str, *, total: int, unit: str, done: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """A stage that nobody watches."""
        return nullcontext(lambda _: None)

    def say(self, message: str) -> None:
        """Say nothing."""


class Bars:
    """Progress for a person, on standard error; in a notebook where a cell prints."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._notebook = in_notebook()
        self._terminal = not self._notebook and sys.stderr.isatty()
        self._said: dict[str, None] = {}

    def say(self, message: str) -> None:
        """One line, said once."""
        if not self._quiet and message not in self._said:
            self._said[message] = None
            # Over whatever stands on a notebook's line.
            line = f"\r{message:<60}" if self._notebook else f"adamms: {message}"
            print(line, file=self._stream, flush=True)

    @contextmanager
    def stage(self, title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Advance]:
        """A stage of `total` units, `done` of which are there already."""
        if self._quiet:
            yield lambda _: None
            return
        pace = Pace(total=total, unit=unit, done=done)
        if self._terminal:
            with _bar(title, pace) as advance:
                yield advance
        else:
            with _lines(title, pace, self._stream, again=self._notebook) as advance:
                yield advance

    @property
    def _stream(self) -> TextIO:
        # Looked up when something is written: a notebook replaces its streams.
        return sys.stdout if self._notebook else sys.stderr


class Pace:
    """How far a stage is, and how fast it goes since its first unit."""

    def __init__(self, *, total: int, unit: str, done: int = 0) -> None:
        self.total, self.unit, self.done = total, unit, done
        self.resumed = done
        self.started = time.monotonic()
        self._first: tuple[float, int] | None = None

    def advance(self, amount: int) -> None:
        """Count what was done since."""
        self.done += amount
        if self._first is None and amount:
            self._first = (time.monotonic(), self.done)

    @property
    def rate(self) -> float | None:
        """Units a second behind the first ones; None while there are no others."""
        if self._first is None:
            return None
        began, before = self._first
        elapsed = time.monotonic() - began
        # Answers come in batches: a moment tells nothing.
        return (self.done - before) / elapsed if elapsed >= MOMENT else None

    @property
    def fresh(self) -> int:
        """What this run itself did."""
        return self.done - self.resumed

    def speed(self) -> str:
        """The rate, for people."""
        rate = self.rate
        if rate is None:
            return ""
        return f"{rate / 1e6:.0f} MB/s" if self.unit == "bytes" else f"{_plain(rate)} {self.unit}/s"

    def left(self) -> str:
        """The time that is left at this rate, for people."""
        rate = self.rate
        return f"{(self.total - self.done) / rate:,.0f} s left" if rate else ""

    def amount(self, count: int) -> str:
        """So many units, for people."""
        return f"{count / 1e6:.1f} MB" if self.unit == "bytes" else f"{count:,} {self.unit}"


def shown(progress: "Progress | bool | None") -> Progress:
    """What a Python function reports to: what it was given, or a bar where a person looks on.

    Args:
        progress: a progress of one's own; True for ours; False for none; None for ours in a terminal or a
            notebook, and none elsewhere.
    """
    if progress is None:
        progress = in_notebook() or (sys.stderr is not None and sys.stderr.isatty())
    if isinstance(progress, bool):
        return Bars() if progress else Silent()
    return progress


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this; IPython is only looked at where it is there already."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return hasattr(shell, "kernel")


@contextmanager
def _bar(title: str, pace: Pace) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amounts = DownloadColumn() if pace.unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), amounts)
    console = Console(stderr=True)
    with Progress(
        *columns, TextColumn("{task.fields[speed]}"), TimeRemainingColumn(), console=console
    ) as bars:
        # Not started before the first unit: until then the bar pulses, and no time is counted.
        task = bars.add_task(title, total=pace.total, completed=pace.done, start=False, speed="")

        def advance(amount: int) -> None:
            pace.advance(amount)
            if amount and bars.tasks[0].start_time is None:
                bars.start_task(task)
            bars.update(task, completed=pace.done, speed=pace.speed())

        yield advance


@contextmanager
def _lines(title: str, pace: Pace, stream: TextIO, *, again: bool) -> Iterator[Advance]:
    """A line at every tenth, but not more than one every two seconds; in a notebook the same line again."""
    printed, next_tenth = time.monotonic(), pace.done * 10 // max(pace.total, 1) + 1

    def advance(amount: int) -> None:
        nonlocal next_tenth, printed
        pace.advance(amount)
        now, share = time.monotonic(), pace.done / max(pace.total, 1)
        if again and now - printed > 0.2:
            printed = now
            print(f"\r{title} {share:.0%} {pace.speed():<20}", end="", file=stream, flush=True)
        elif not again and share * 10 >= next_tenth and now - printed > 2:
            printed, next_tenth = now, int(share * 10) + 1
            parts = [f"{title} {share:.0%}", pace.speed(), pace.left()]
            print(f"adamms: {', '.join(filter(None, parts))}", file=stream)

    yield advance
    kept = f" ({pace.resumed:,} were there)" if pace.resumed else ""
    line = f"{title} done, {pace.amount(pace.fresh)}{kept} in {time.monotonic() - pace.started:.1f} s"
    print(f"\r{line:<60}" if again else f"adamms: {line}", file=stream, flush=True)


def _plain(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
