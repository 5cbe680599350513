"""How the verbs speak: tables and JSON on stdout, progress and messages on stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from adamms.cli.streams import CONTROLS, brief
from adamms.errors import OutputError

VERBOSITY: ContextVar[int] = ContextVar("verbosity", default=0)
"""-1: results and errors alone (`-q`); 1: more than usual (`-v`)."""


def fail(message: str, code: int) -> int:
    """Print an error and return its exit code."""
    print(f"adamms: {brief(message)}", file=sys.stderr)
    return code


def print_json(data: Any) -> None:
    """Print one JSON document on stdout."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(data, indent=1, ensure_ascii=not unicode)
    # JSON itself spells out some of them; these read back as what they are, too.
    print(CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def save_json(path: Path, data: Any) -> None:
    """Write one JSON document to a file the user named.

    Raises:
        OutputError: it cannot be written there.
    """
    try:
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from None


def show(*renderables: Any, wide: bool = False) -> None:
    """Print rich tables or text on stdout; `wide` ones keep their width, whatever the terminal's is."""
    from rich.measure import Measurement

    from adamms.cli.plain_console import PlainConsole

    console = PlainConsole(highlight=False)
    for renderable in renderables:
        if wide:
            needed = Measurement.get(console, console.options.update(width=10_000), renderable).maximum
            console.width = max(console.width, needed)
        console.print(renderable)


class Bars:
    """Progress for a person: bars with rates and time left on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._quiet = VERBOSITY.get() < 0
        self._terminal = sys.stderr.isatty()

    def say(self, message: str) -> None:
        """One line on stderr."""
        if not self._quiet:
            print(f"adamms: {brief(message)}", file=sys.stderr)

    @contextmanager
    def stage(self, title: str, *, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """A stage of `total` units; the yielded function is called with the units done since."""
        if self._quiet:
            yield lambda _: None
        elif self._terminal:
            with _bar(title, total, unit) as advance:
                yield advance
        else:
            with _lines(title, total, unit) as advance:
                yield advance


@contextmanager
def _bar(title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from adamms.cli.plain_console import PlainConsole

    amounts: list[ProgressColumn] = (
        [DownloadColumn(), TransferSpeedColumn()]
        if unit == "bytes"
        else [MofNCompleteColumn(), TextColumn("{task.fields[rate]}")]
    )
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        *amounts,
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=PlainConsole(stderr=True)) as bars:
        task = bars.add_task(title, total=total, rate="")
        started = time.monotonic()

        def advance(amount: int) -> None:
            bars.advance(task, amount)
            if unit != "bytes":
                rate = bars.tasks[0].completed / max(time.monotonic() - started, 1e-9)
                bars.update(task, rate=f"{rate:.0f} {unit}/s")

        yield advance


@contextmanager
def _lines(title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A line at every tenth, but not more than one every two seconds."""
    started = printed = time.monotonic()
    done, next_tenth = 0, 1

    def advance(amount: int) -> None:
        nonlocal done, next_tenth, printed
        done += amount
        if total and done * 10 >= next_tenth * total and time.monotonic() - printed > 2:
            printed = time.monotonic()
            next_tenth = done * 10 // total + 1
            print(f"adamms: {title} {100 * done // total}%", file=sys.stderr)

    yield advance
    amount = f"{done / 1e6:.1f} MB" if unit == "bytes" else f"{done} {unit}"
    print(f"adamms: {title} done, {amount} in {time.monotonic() - started:.1f} s", file=sys.stderr)
