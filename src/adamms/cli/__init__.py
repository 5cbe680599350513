"""The command line: one thin file a verb; each parses, calls and prints. No logic.

`main` is the only place where an error becomes a message and an exit code: 0 done, 2 the input is wrong,
1 anything else, 130 interrupted.
"""

import gc
import io
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from adamms.cli.console import fail, speak, speaking
from adamms.cli.options import Quiet, Verbose
from adamms.cli.streams import PlainStream, written_past
from adamms.errors import EXTRAS, MACHINE_FAULTS, AdaMMSError, MissingPackageError

# The verbs as the help groups them. A verb's file and function are named as it is, but for those in FILES.
GROUPS = {
    "Start here": ("demo", "ui", "inspect", "map", "inputs"),
    "Merge": ("merge", "search", "select", "run", "methods"),
    "Judge": ("verify", "reproduce", "eval", "compare", "table", "report"),
    "Share": ("push",),
}
FILES = {"map": "map_", "eval": "eval_"}
VERBS = tuple(verb for verbs in GROUPS.values() for verb in verbs)
LOOK: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class Verb(TyperCommand):
    """One verb, whose help is ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the verb's help."""
        # Late: hardly a command is a question for help.
        from adamms.cli.help import verb_help

        formatter.write(written_past(verb_help(self, ctx)))


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
        name = FILES.get(cmd_name, cmd_name)
        verb = typer.Typer(add_completion=False, **LOOK)
        function = getattr(import_module(f"adamms.cli.{name}"), name)
        verb.command(cmd_name, cls=Verb)(speaking(function))
        return typer.main.get_command(verb)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the program's help."""
        from adamms.cli.help import program_help

        formatter.write(written_past(program_help(self, ctx, GROUPS.items())))


app = typer.Typer(name="adamms", cls=Verbs, **LOOK)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True)
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Merge multimodal LLMs that do not share an architecture, without labels (AdaMMS, CVPR 2025).

    Examples: `adamms demo`, `adamms map Qwen/Qwen2-VL-7B-Instruct llava-hf/llava-onevision-qwen2-7b-ov-hf`,
    `adamms search BASE DONOR --inputs questions.jsonl --out run`
    """
    if version:
        from adamms import __version__

        typer.echo(f"adamms {__version__}")
        raise typer.Exit
    speak(quiet=quiet, verbose=verbose)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and leave with the contract's exit code."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (as long as the process)
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets another one, not an error.
            stream.reconfigure(errors="replace")
    # And it obeys nobody's names.
    sys.stdout, sys.stderr = PlainStream(sys.stdout), PlainStream(sys.stderr)  # type: ignore[assignment]
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
    sys.unraisablehook = interrupted_again
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, _terminated)
        # Not standalone: usage errors and aborts come back here instead of ending the process.
        code = app(standalone_mode=False, prog_name="adamms")
        sys.stdout.flush()
        # The work is done: a signal during the exit must not turn it into a failure.
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        # Nothing is left to collect, and looking for it takes as long as importing half of this.
        gc.freeze()
    except AdaMMSError as error:
        _leave(fail(str(error), error.exit_code))
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        missing = MissingPackageError(package) if package in EXTRAS else None
        sys.exit(fail(str(missing), missing.exit_code) if missing else _unexpected(error))
    except KeyboardInterrupt:
        _leave(fail("Interrupted.", 130))
    except MemoryError:
        sys.exit(fail("The memory of this machine, or of what it allows us, does not suffice.", 1))
    except BrokenPipeError:
        # The reader of our output left (`adamms map ... | head`); nothing is wrong.
        _say_no_more()
        sys.exit(0)
    except OSError as error:
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


def _leave(code: int) -> NoReturn:
    """End; without waiting for threads that a hub keeps waiting, which an orderly exit would."""
    patience = sys.modules.get("adamms.checkpoints.hub_patience")
    if patience is not None and patience.is_waiting():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _say_no_more() -> None:
    """Standard output is flushed once more at the exit, which must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: Exception) -> int:
    if isinstance(error, typer.Abort) or _of_an_interrupt(error):
        return fail("Interrupted.", 130)
    # Late: only mistakes need it.
    from adamms.cli.usage import is_usage_error, usage_sentence

    if is_usage_error(error):
        return fail(usage_sentence(error), 2)
    if os.environ.get("ADAMMS_TRACEBACK"):
        raise error
    return fail(
        f"Unexpected {type(error).__name__}: {error} "
        "(this is a fault of ours; run again with ADAMMS_TRACEBACK=1 and report what it prints).",
        1,
    )


def _of_an_interrupt(error: BaseException | None) -> bool:
    """Tell whether an interrupt lies behind it: Python makes a RuntimeError of one while a class is made."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def interrupted_again(unraisable: Any) -> None:
    """An interrupt that fell into a destructor, where Python can only print it, comes once more."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        # From beside and a little later: at once it would fall into this very function.
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        again = signal.SIGTERM if ignored else signal.SIGINT
        later = threading.Timer(0.01, os.kill, (os.getpid(), again))
        later.daemon = True
        later.start()
    else:
        sys.__unraisablehook__(unraisable)


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
