"""Another program as the engine of a search: it reads questions and writes answers, as JSON lines.

For models that only their own code can run (section 3.3 needs answers, whoever gives them). A foreign process
cannot have its weights moved, so each candidate is written as a merged checkpoint, asked, and deleted: one
lies on disk at a time. Knows nothing of the model, and runs no shell.
"""

import json
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.answering.engine import EngineRequest
from adamms.answering.guarded_process import GuardedProcess
from adamms.errors import SearchError
from adamms.responses.candidates import format_alpha
from adamms.responses.inputs import Example
from adamms.responses.reading import read_line
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from torch import Tensor

PLACEHOLDERS = ("{model}", "{inputs}", "{outputs}", "{alpha}")
PAUSE = 0.1
"""Seconds between two looks at what the program has written."""
TIMEOUT = 3600.0
"""Seconds without an answer, by default: a program may load a large model first."""
CHUNK = 1 << 20
LONGEST_LINE = 16 << 20
"""Bytes of an answer."""
MOST = 1 << 30
"""Bytes that a program may write for a candidate, answers or messages."""
KEPT = "The answers so far are kept; repair it and go on with --resume."


class CommandEngine:
    """Answers by a command, run once a candidate."""

    def __init__(
        self,
        command: str,
        *,
        scratch: Path,
        write: Callable[[float, Path], None],
        timeout: float | None = None,
    ) -> None:
        """Nothing is run yet.

        Args:
            command: words as in a shell, with placeholders: `{model}` the candidate's folder, `{inputs}` a
                JSONL file of `{"id", "image": [absolute paths], "prompt"}`, `{outputs}` where to write
                `{"id", "response"}` lines (standard output when left out), `{alpha}`.
            scratch: an empty folder of its own, for one candidate at a time.
            write: writes the merged checkpoint of an alpha into a folder.
            timeout: seconds without an answer after which it is ended; `TIMEOUT` when left out.

        Raises:
            SearchError: the command lacks a placeholder, or there is no such program.
        """
        self._words = parse_command(command)
        self._scratch = scratch
        self._write = write
        self._timeout = TIMEOUT if timeout is None else timeout
        self._examples: dict[str, Example] = {}
        self._alpha = 0.0

    def prepare(self, examples: Sequence[Example]) -> None:
        """Keep the questions; the program itself prepares them."""
        self._examples |= {example.id: example for example in examples}

    def load_weights(self, alpha: float, merged: "Callable[[str], Tensor]") -> None:
        """Remember the candidate; it is written when it is asked."""
        self._alpha = alpha

    def answer(self, ids: Collection[str]) -> Iterator[Response]:
        """The candidate's answers, as the program writes them.

        Raises:
            SearchError: the program fails, leaves questions out, or writes what is not an answer.
        """
        self._scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"alpha={format_alpha(self._alpha)}-", dir=self._scratch))
        try:
            self._write(self._alpha, folder / "model")
            yield from self._answers(folder, list(dict.fromkeys(ids)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _answers(self, folder: Path, ids: Sequence[str]) -> Iterator[Response]:
        inputs, outputs, log = folder / "inputs.jsonl", folder / "outputs.jsonl", folder / "stderr.txt"
        _write_inputs(inputs, [self._examples[id_] for id_ in ids])
        outputs.touch()
        values = (folder / "model", inputs, outputs, format_alpha(self._alpha))
        words = list(self._words)
        for placeholder, value in zip(PLACEHOLDERS, values, strict=True):
            words = [word.replace(placeholder, str(value)) for word in words]
        to_file = any("{outputs}" in word for word in self._words)
        left = dict.fromkeys(ids)
        with log.open("wb") as errors, outputs.open("ab") as answers:
            try:
                process = GuardedProcess(
                    words,
                    # What it prints beside the answers must not get into what we print.
                    stdout=errors if to_file else answers,
                    stderr=errors,
                )
            except OSError as error:
                raise SearchError(f"The command {words[0]} cannot be started: {error.strerror}.") from None
            with process:
                for number, line in self._lines(outputs, log, process):
                    response = self._response(line, number)
                    if response.id not in left:
                        why = "twice" if response.id in ids else "though it was not asked"
                        raise SearchError(f'{self._where(number)}: "{response.id}" is answered {why}.')
                    del left[response.id]
                    yield response
                code = process.end()
        if code:
            raise SearchError(
                f"The command failed for alpha {self._alpha:g} with exit code {code}: {_last_line(log)} "
                f"{KEPT}"
            )
        if left:
            raise SearchError(
                f"The command answered {len(ids) - len(left)} of {len(ids)} inputs for alpha "
                f'{self._alpha:g}; the first that it left out is "{next(iter(left))}".'
            )

    def _lines(self, path: Path, log: Path, process: GuardedProcess) -> Iterator[tuple[int, bytes]]:
        """The lines of a file that a process is writing, numbered, until it has ended.

        Raises:
            SearchError: it writes nothing for too long, or more than any answers are.
        """
        number, rest, since = 0, b"", time.monotonic()
        with path.open("rb") as file:
            while True:
                code = process.poll()
                chunk = file.read(CHUNK)
                *lines, rest = (rest + chunk).split(b"\n")
                if code == 0 and rest and not chunk:  # the last line may lack its end
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    number += 1
                    if line.strip():
                        yield number, line
                if code is not None and not chunk:
                    return
                if lines:
                    since = time.monotonic()
                self._require_life(since, rest, written=max(file.tell(), log.stat().st_size), log=log)
                if not chunk:
                    time.sleep(PAUSE)

    def _require_life(self, since: float, line: bytes, *, written: int, log: Path) -> None:
        if time.monotonic() - since > self._timeout:
            raise SearchError(
                f"The command answered nothing for {self._timeout:g} s at alpha {self._alpha:g}, so it was "
                f"ended; what it said last: {_last_line(log)} {KEPT} --command-timeout gives it more time."
            )
        if len(line) > LONGEST_LINE or written > MOST:
            most = f"a line of more than {LONGEST_LINE >> 20} MB"
            if written > MOST:
                most = f"more than {MOST >> 30} GB"
            raise SearchError(
                f"The command writes {most} at alpha {self._alpha:g}, which no answers are, so it was ended. "
                f"{KEPT}"
            )

    def _response(self, line: bytes, number: int) -> Response:
        return read_line(line, self._where(number), alpha=self._alpha)

    def _where(self, number: int) -> str:
        return f"The command's answers for alpha {self._alpha:g}, line {number}"


def open_command(request: EngineRequest) -> CommandEngine:
    """The entry point `command` of `adamms.engines`.

    Raises:
        SearchError: no command is named.
    """
    if request.command is None or request.scratch is None or request.write is None:
        raise SearchError("The engine command needs a command line: --command 'PROGRAM {model} {inputs}'.")
    return CommandEngine(
        request.command, scratch=request.scratch, write=request.write, timeout=request.command_timeout
    )


def parse_command(command: str) -> list[str]:
    """The words of a command.

    Raises:
        SearchError: it cannot be split, lacks a placeholder, or there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SearchError(f"The command {command!r} cannot be read: {error}.") from None
    for needed in ("{model}", "{inputs}"):
        if not any(needed in word for word in words):
            raise SearchError(
                f"The command {command!r} does not say where {needed} goes; for example: "
                "python answer.py --model {model} --questions {inputs} --out {outputs}"
            )
    if shutil.which(words[0]) is None:
        raise SearchError(f"There is no program {words[0]!r}, with which the command begins.")
    return words


def _write_inputs(path: Path, examples: Sequence[Example]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for example in examples:
            line: dict[str, object] = {"id": example.id, "image": _absolute(example.images)}
            line |= {"audio": _absolute(example.audio)} if example.audio else {}
            line |= {"video": _absolute(example.video)} if example.video else {}
            line["prompt"] = example.prompt
            file.write(json.dumps(line) + "\n")


def _absolute(paths: Sequence[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths]


def _last_line(log: Path) -> str:
    """What a program said last, which is mostly what went wrong."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - CHUNK, 0))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    last = "".join(character for character in lines[-1].strip() if character.isprintable()) if lines else ""
    return f"{last[:300].rstrip('.')}." if last else "it said nothing on stderr."
