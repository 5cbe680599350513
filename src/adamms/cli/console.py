"""How the verbs speak: tables and JSON on stdout, progress and messages on stderr."""

import inspect
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms import progress
from adamms.cli.options import Quiet, Verbose
from adamms.cli.streams import CONTROLS, brief
from adamms.errors import OutputError

if TYPE_CHECKING:
    from adamms.runs.forecast import Forecast

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


def tell_next(merged: Path) -> None:
    """After a merge: what to type next, on stderr, where a person reads it."""
    if VERBOSITY.get() < 0:
        return
    place = shlex.quote(str(merged))
    for command, purpose in (
        (f"adamms verify {place}", "is it complete, and does it answer?"),
        (f"adamms eval {place} --inputs FILE", "how good is it on questions with answers?"),
        (f"adamms push {place} OWNER/NAME", "publish it with its card"),
    ):
        print(f"next: {command:<40}  {purpose}", file=sys.stderr)


def show_forecast(forecast: "Forecast", *, json: bool) -> None:
    """Print a plan: as JSON, or in four lines and what they assume."""
    if json:
        print_json(forecast.to_json())
        return
    print("\n".join(line.removeprefix("Plan: ") for line in forecast.lines))
    for note in forecast.notes:
        print(f"Note: {note}")


class Bars(progress.Bars):
    """Progress as a verb shows it: as much as `-q` leaves."""

    def __init__(self) -> None:
        super().__init__(quiet=VERBOSITY.get() < 0)


def speaking(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with `-q` and `-v` among its options."""
    signature = inspect.signature(verb)
    switches = {"quiet": Quiet, "verbose": Verbose}

    @wraps(verb)
    def spoken(*, quiet: bool = False, verbose: bool = False, **values: Any) -> Any:
        speak(quiet=quiet, verbose=verbose)
        return verb(**values)

    own = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in switches.items()
    ]
    spoken.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    spoken.__annotations__ = {**verb.__annotations__, **switches}
    return spoken


def speak(*, quiet: bool, verbose: bool) -> None:
    """Set how much is said from now on; what was set before stays where neither is asked for."""
    if verbose:
        VERBOSITY.set(1)
        os.environ["ADAMMS_TRACEBACK"] = "1"
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    elif quiet:
        VERBOSITY.set(-1)
