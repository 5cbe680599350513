"""The command line: one thin file a verb; each parses, calls and prints. No logic.

`main` is the only place where an error becomes a message and an exit code: 0 done, 2 the input is wrong,
1 anything else, 130 interrupted.
"""

import gc
import io
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from adamms.cli.console import fail
from adamms.errors import EXTRAS, AdaMMSError, MissingPackageError

# In the order of the help: the verb, and its file, which holds a function of that name.
VERBS = {
    "demo": "demo",
    "inspect": "inspect",
    "map": "map_",
    "merge": "merge",
    "methods": "methods",
    "search": "search",
    "select": "select",
    "run": "run",
    "eval": "eval_",
    "report": "report",
    "compare": "compare",
    "table": "table",
    "verify": "verify",
    "push": "push",
}
LOOK: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": "markdown",
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class Verbs(TyperGroup):
    """The verbs, of which only the one that is asked for is imported."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Names alone: enough for lists and for suggestions.
        self.commands = dict.fromkeys(VERBS)  # type: ignore[assignment]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A verb's command; None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        function = VERBS[cmd_name]
        verb = typer.Typer(**LOOK)
        verb.command(cmd_name)(getattr(import_module(f"adamms.cli.{function}"), function))
        return typer.main.get_command(verb)


app = typer.Typer(
    name="adamms",
    help="Merge multimodal LLMs that do not share an architecture, without labels (AdaMMS, CVPR 2025).",
    no_args_is_help=True,
    cls=Verbs,
    **LOOK,
)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        from adamms import __version__

        typer.echo(f"adamms {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and leave with the contract's exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (as long as the process)
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets another one, not an error.
            stream.reconfigure(errors="replace")
    # Read when torch starts its threads. By default they spin while they wait, which costs several times the
    # work itself on a machine that does anything else.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    # Long-lived values by the ten thousand (imports, headers, blocks) and hardly a cycle among them.
    gc.set_threshold(20_000, 20, 20)
    try:
        Path.cwd()
    except OSError:
        sys.exit(fail("The current folder is gone; change to one that exists.", 2))
    try:
        # Not standalone: usage errors and aborts come back here instead of ending the process.
        code = app(standalone_mode=False)
        sys.stdout.flush()
        # The work is done: a signal during the exit must not turn it into a failure.
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        # Nothing is left to collect, and looking for it takes as long as importing half of this.
        gc.freeze()
    except AdaMMSError as error:
        sys.exit(fail(str(error), error.exit_code))
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        missing = MissingPackageError(package) if package in EXTRAS else None
        sys.exit(fail(str(missing), missing.exit_code) if missing else _unexpected(error))
    except KeyboardInterrupt:
        sys.exit(fail("Interrupted.", 130))
    except BrokenPipeError:
        # The reader of our output left (`adamms map ... | head`); nothing is wrong.
        _say_no_more()
        sys.exit(0)
    except OSError as error:
        from adamms.checkpoints.output import MACHINE_FAULTS

        if error.errno not in MACHINE_FAULTS:
            sys.exit(_unexpected(error))
        _say_no_more()
        sys.exit(fail(f"What was to be said or written could not be: {error.strerror}.", 1))
    except Exception as error:
        sys.exit(_unexpected(error))
    if code == 130:
        # The parser has its own way to end an interrupted command, without a word.
        fail("Interrupted.", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _say_no_more() -> None:
    """Standard output is flushed once more at the exit, which must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: Exception) -> int:
    if isinstance(error, typer.Abort):
        return fail("Interrupted.", 130)
    # The usage errors of the parser; by their shape, because typer brings its own copy of click or not.
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    if os.environ.get("ADAMMS_TRACEBACK"):
        raise error
    return fail(
        f"Unexpected {type(error).__name__}: {error} "
        "(this is a fault of ours; run again with ADAMMS_TRACEBACK=1 and report what it prints).",
        1,
    )


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
