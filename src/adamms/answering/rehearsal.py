"""Programs of strangers (chat templates, tokenizers), tried where they can do no harm before they run here.

A template can loop for years or ask for a terabyte in one line that no limit inside a process can stop, and a
tokenizer's patterns and tables are compiled code's to unfold. So the first question's text is made in a fork
of this process, and `tokenizer.json` is read by a process of its own while this one still imports; both have
bounds of time and memory, and may die of them.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from adamms.checkpoints.limits import MB, TOKENIZER
from adamms.checkpoints.local_files import special_kind
from adamms.errors import CheckpointError

SECONDS = 2
"""Of processor time for a template; a real one takes a thousandth."""
MEMORY = 1 << 30
TOKENIZER_SECONDS, TOKENIZER_MEMORY = 8, 1200 * MB
WAITING = 30.0
"""Seconds by the clock, on a machine that is busy with other things."""
SAID = 2000
PROBE = "How many are there? 12.5 é 中\n<image>" + " a" * 200
TRY = """
import json, resource, sys
seconds, memory = map(int, sys.argv[2:4])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
try:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
except ValueError:
    pass  # a system without such a limit
sys.path[:0] = json.loads(sys.argv[5])
from tokenizers import Tokenizer
try:
    tokenizer = Tokenizer.from_file(sys.argv[1])
    last = max(tokenizer.get_vocab().values(), default=0)
    if last > 10_000_000:
        raise ValueError(f"it has a token of the row {last:,}")
    tokens = tokenizer.encode(sys.argv[4]).ids
    if len(tokens) > 10_000:
        raise ValueError(f"it makes {len(tokens):,} tokens of a sentence")
    tokenizer.decode(tokens)
except BaseException as error:
    print((str(error).strip().splitlines() or [type(error).__name__])[0][:300])
    sys.exit(3)
"""


class TokenizerTrial:
    """A process that reads a checkpoint's tokenizer and encodes a text, started when this is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        file = folder / "tokenizer.json"
        if special_kind(file) or not file.is_file() or file.stat().st_size > TOKENIZER:
            return  # there is none, or who reads it says so
        limits = [str(TOKENIZER_SECONDS), str(TOKENIZER_MEMORY)]
        paths = json.dumps([path for path in sys.path if path])
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", TRY, str(file), *limits, PROBE, paths],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"},
        )

    def require(self) -> None:
        """Wait for its end and insist that it was a good one.

        Raises:
            CheckpointError: the tokenizer cannot be read, or takes too long or too much.
        """
        if self._process is None:
            return
        try:
            said, _ = self._process.communicate(timeout=WAITING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
        code = self._process.returncode
        if code == 0:
            return
        reason = said.strip()
        if code != 3:
            most = f"{TOKENIZER_SECONDS} seconds or {TOKENIZER_MEMORY // MB} MB"
            reason = (
                f"reading it and one sentence with it takes more than {most}, or ends the process that does"
            )
        raise CheckpointError(
            f"The tokenizer of {self._folder} cannot be used: {reason or 'it fails'}; fetch tokenizer.json "
            "again."
        )


def rehearse(action: Callable[[], object], *, what: str) -> None:
    """Do something in a fork of this process, within bounds, and forget what came of it.

    Args:
        action: what is tried; what it raises is its own affair and is raised again where it is done.
        what: its name, for the message.

    Raises:
        CheckpointError: it took too long or too much memory.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _tried(action, writing)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], WAITING)
        said = os.read(reading, SAID) if ready else b""
    finally:
        os.close(reading)
        if not ready:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if said != b"ended":
        raise CheckpointError(
            f"{what} takes more than {SECONDS} seconds or {MEMORY // MB} MB for one question; use the "
            "model's own, or mend it."
        )


def _tried(action: Callable[[], object], writing: int) -> None:
    """In the fork: never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if used_addresses := _addresses():
            resource.setrlimit(resource.RLIMIT_AS, (used_addresses + MEMORY,) * 2)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        try:
            action()
        except MemoryError:
            os._exit(1)
        except BaseException:
            pass  # it is raised again where it is done
        os.write(writing, b"ended")
    finally:
        os._exit(0)


def _addresses() -> int:
    """Bytes of addresses that this process has; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()
