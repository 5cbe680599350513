"""Another program, started so that it never outlives us: its guardian ends it when we are gone.

Interrupted, terminated or killed, whoever started a program here leaves nothing running: no engine that keeps
a GPU, no server that it started in a session of its own.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

GUARDIAN = Path(__file__).parent / "guardian.py"


class GuardedProcess:
    """A running program and its guardian; a context manager that leaves neither."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start a program.

        Args:
            words: the program and its arguments.
            stdout: where its output goes, as of `subprocess.Popen`.
            stderr: likewise.
            environment: its variables; ours when left out.
            folder: where it runs.

        Raises:
            OSError: it cannot be started.
        """
        lifeline, self._lifeline = os.pipe()
        reported, report = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(GUARDIAN), str(lifeline), str(report), *words],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                cwd=folder,
                pass_fds=(lifeline, report),
                # A terminal's interrupt is ours to pass on, once.
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            os.close(reported)
            raise
        finally:
            os.close(lifeline)
            os.close(report)
        with os.fdopen(reported, "rb") as errors:
            number = errors.read()
        if number:
            self.end()
            raise OSError(int(number), os.strerror(int(number)), words[0])

    def __enter__(self) -> "GuardedProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def poll(self) -> int | None:
        """The program's exit code, None while it runs; of one that a signal ended 128 and its number."""
        return self.process.poll()

    def output(self) -> bytes:
        """All that it prints on stdout, which was opened as a pipe; waits for its end."""
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            return stdout.read()

    def end(self) -> int:
        """End the program, and all that it started, if it runs; its exit code."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        return self.process.wait()
