"""An evaluation harness as a process of its own: its environment's python, started, followed, and believed.

A harness is never imported: it pins packages of its own. What it prints goes to a file; when it fails, the
line of it that says why becomes part of our one sentence.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from adamms.answering.guarded_process import GuardedProcess
from adamms.checkpoints.sources import expanded
from adamms.errors import EvaluationError

PROGRAMS = Path(__file__).parent.parent / "harnesses"
"""Our small programs that run in a harness's environment, by their paths."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
REASON = re.compile(
    r"^(?:adamms: |[\w.]*(?:Error|Exception)\b[^:]*: |.*Error during evaluation: )(?P<why>.+)$"
)


@dataclass(frozen=True)
class Environment:
    """A harness's python, and how a person installs it."""

    name: str
    python: str

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        log: Path,
        variables: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> str:
        """Run its python to the end.

        Args:
            arguments: behind `python`.
            log: the file for everything it prints.
            variables: added to the environment's.
            folder: where it runs.

        Returns:
            What it printed on stdout.

        Raises:
            EvaluationError: it failed; the message holds the reason it gave.
        """
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            try:
                program = GuardedProcess(
                    [self.python, *map(str, arguments)],
                    stdout=subprocess.PIPE,
                    stderr=file,
                    environment=environment,
                    folder=folder,
                )
            except OSError as error:
                raise EvaluationError(
                    f"The python of {self.name}, {self.python}, cannot be started: {error.strerror}."
                ) from None
            with program:
                printed = program.output()
                code = program.end()
            file.write(printed)
        if code:
            raise EvaluationError(self.failed(log))
        return printed.decode("utf-8", errors="replace")

    def failed(self, log: Path) -> str:
        """The sentence for a run that did not do what it should: the last reason in its log."""
        lines = COLOURS.sub("", log.read_text(encoding="utf-8", errors="replace")).splitlines()
        reasons = [match for line in lines if (match := REASON.match(line.strip()))]
        why = (
            reasons[-1]["why"].strip() if reasons else next(iter(reversed(lines)), "it said nothing").strip()
        )
        why = why.replace(" Please set `--verbosity=DEBUG` to get more information.", "").rstrip(".")
        return f"{self.name} failed: {why[:500]}."


def lmms_eval_environment(python: str | None = None) -> Environment:
    """Where lmms-eval is: the named python, or this one.

    Raises:
        EvaluationError: there is none.
    """
    if python is None and find_spec("lmms_eval") is None:
        raise EvaluationError(
            'lmms-eval is not installed beside adamms: `pip install "adamms[lmms-eval]"`, or name another '
            "environment's python with --harness-python."
        )
    return Environment("lmms-eval", sys.executable if python is None else _python(python))


def vlmevalkit_environment(python: str | None = None) -> Environment:
    """Where VLMEvalKit is: always another environment, since it pins much.

    Raises:
        EvaluationError: none is named.
    """
    if python is None:
        raise EvaluationError(
            "Name the python of your VLMEvalKit environment: --harness-python PATH (`make test-vlmevalkit` "
            "shows how one is made)."
        )
    return Environment("VLMEvalKit", _python(python))


def _python(name: str) -> str:
    path = expanded(name)
    if path.is_dir() and (path / "bin" / "python").exists():
        path = path / "bin" / "python"
    # Not resolved: an environment's python is a link, and behind it is another environment.
    program = shutil.which(str(path.absolute() if os.sep in str(path) else path))
    if program is None:
        raise EvaluationError(f"--harness-python {name} is no python that can be run.")
    return program
