"""Runs the command line on a bad thing in a process of its own and judges what came of it.

Held means: exit 2 (or 1 for the machine's faults) with a sentence below 3 kB, no traceback, no word of a
fault of ours, no raw control character, nothing under the output's name, within limits of time and memory.
A kind that is merely odd may also be served (exit 0), within the same limits.

The processes are forked from one that has imported the command line (and torch, for kinds that answer), so a
kind takes tens of milliseconds; what that process takes itself is not counted.
"""

import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hostile.kinds import BYTES, OUT, Kind

MESSAGE = 3000
WAITING = 6
"""Times the limit of a kind that may pass by the clock."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LIVE_BYTES = 3 << 30


@dataclass(frozen=True)
class Outcome:
    """What a kind did."""

    name: str
    code: int
    """The exit code; the negated signal where one ended the process."""
    seconds: float
    megabytes: float
    said: str
    problems: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether nothing is to be said against it."""
        return not self.problems


def preload(*, live: bool) -> None:
    """Import once what every forked process needs."""
    import adamms.cli
    import adamms.runs.pipeline

    for name in adamms.cli.VERBS:
        if live or name not in ("verify", "demo"):
            __import__(f"adamms.cli.{adamms.cli.FILES.get(name, name)}")
    if live:
        import torch
        import transformers  # noqa: F401

        import adamms.answering.transformers_engine
        import adamms.runs.search_run

        torch.set_num_threads(1)


def run(kind: Kind) -> Outcome:
    """Make the bad thing, let the command line meet it, judge."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        arguments = [str(folder / "out") if part == OUT else str(part) for part in kind.make(folder)]
        return _judged(kind, folder, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judged(kind: Kind, folder: Path, arguments: list[str]) -> Outcome:
    printed, said = folder / ".stdout", folder / ".stderr"
    baseline = _memory()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(folder, arguments, live=kind.live, baseline=baseline)
    code, usage = _waited(child, deadline=started + WAITING * kind.seconds)
    elapsed = time.monotonic() - started
    # The process's own time, so that a busy machine does not count; beside it waiting has a limit of its own.
    seconds = elapsed if elapsed > WAITING * kind.seconds else usage.ru_utime + usage.ru_stime
    with said.open("rb") as file:
        text = file.read(1 << 16).decode("utf-8", "replace")
    with printed.open("rb") as file:
        output = file.read(1 << 16).decode("utf-8", "replace")
    memory = max(usage.ru_maxrss * 1024 - baseline, 0)
    problems = tuple(_problems(kind, code, text, output, seconds=seconds, memory=memory, left=_left(folder)))
    return Outcome(kind.name, code, seconds, memory / 1e6, text, problems)


def _become(folder: Path, arguments: list[str], *, live: bool, baseline: int) -> None:
    """In the forked process: limits, streams, and the command line; never returns."""
    try:
        os.setsid()
        os.chdir(folder)
        for number, name in ((1, ".stdout"), (2, ".stderr")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # Twice what may be used: a kind that wants more meets the limit, one that is over it is measured.
        ceiling = _addresses() + (LIVE_BYTES if live else 2 * BYTES)
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.argv = ["adamms", *arguments]
        os.environ["HF_HUB_OFFLINE"] = "1"
        from adamms.cli import main

        main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0 if exit_.code is None else 1
        _end(code)
    except BaseException:
        import traceback

        traceback.print_exc()
        _end(70)
    _end(0)


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            code = code or 71
    os._exit(code)


def _waited(child: int, *, deadline: float) -> tuple[int, resource.struct_rusage]:
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(0.003)


def _problems(
    kind: Kind, code: int, text: str, output: str, *, seconds: float, memory: int, left: list[str]
) -> list[str]:
    problems = []
    expected = (0,) if kind.sound else (0, 1, 2) if kind.harmless else (1, 2)
    if code not in expected:
        problems.append(f"exit {code}")
    if "Traceback" in text or "Unexpected" in text or "fault of ours" in text:
        problems.append("a fault of ours")
    if code in (1, 2) and "panicked" in text:
        problems.append("a panic")
    if code in (1, 2) and not text.strip():
        problems.append("no word")
    if len(text.encode()) > MESSAGE and code != 0:
        problems.append(f"a message of {len(text)} characters")
    if CONTROL.search(text) or CONTROL.search(output):
        problems.append("a raw control character")
    if code != 0 and left:
        problems.append(f"left {', '.join(left)}")
    if seconds > kind.seconds:
        problems.append(f"{seconds:.1f} s")
    if memory > (LIVE_BYTES if kind.live else BYTES):
        problems.append(f"{memory / 1e6:.0f} MB")
    return problems


def _left(folder: Path) -> list[str]:
    return [name for name in ("out", ".out.adamms-partial", ".out.adamms-lock") if (folder / name).exists()]


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _memory() -> int:
    return _status("VmRSS")


def _addresses() -> int:
    return _status("VmSize")
