"""Runs a program and ends it, with all that it started, when whoever asked for it is gone.

    python -I guardian.py LIFELINE REPORT PROGRAM ARGUMENT...

A program of its own, with nothing but the standard library. LIFELINE is the reading end of a pipe whose other
end only the asker holds: it closes when the asker closes it or dies, however it dies. What the program
started stays among our descendants, in whatever session it hides, since orphans are given to us (a
subreaper). REPORT is the writing end of a pipe for the errno of a program that cannot be started. Ends with
the program's exit code, or 128 and the signal that ended it.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE = 10.0
"""Seconds that a program which is told to end has for it."""
PAUSE = 0.02


def main(lifeline: int, report: int, words: list[str]) -> int:
    """Run it to its end, or to the asker's."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        program = subprocess.Popen(words, preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    except OSError as error:
        os.write(report, str(error.errno or 0).encode())
        return 127
    finally:
        os.close(report)
    # A stop of ours is the asker's business: it closes the lifeline.
    signal.signal(signal.SIGTERM, lambda *_: None)
    while program.poll() is None:
        readable, _, _ = select.select([lifeline], [], [], PAUSE)
        if readable:
            _end(program)
    _kill_descendants()
    code = program.returncode
    return code if code >= 0 else 128 - code


def _end(program: "subprocess.Popen[bytes]") -> None:
    """Tell everything to end, and end what does not."""
    for descendant in _descendants():
        with suppress(OSError):
            os.kill(descendant, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while program.poll() is None and time.monotonic() < until:
        time.sleep(PAUSE)
    if program.poll() is None:
        program.kill()
        program.wait()


def _kill_descendants() -> None:
    """End what the program left behind; again, as those who are killed may just have started another."""
    for _ in range(100):
        left = _descendants()
        if not left:
            return
        for descendant in left:
            with suppress(OSError):
                os.kill(descendant, signal.SIGKILL)
        with suppress(OSError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(PAUSE)


def _descendants() -> list[int]:
    """All processes that stem from this one and still run."""
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            state, parent = file.read_bytes().rpartition(b")")[2].split()[:2]
            if state != b"Z":
                parents[int(file.parent.name)] = int(parent)
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family - {os.getpid()})


def _prctl(option: int, value: int) -> None:
    """A wish to the kernel; systems without it do without."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
