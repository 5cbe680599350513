"""A program of ours under another environment's Python, and questions to it over a pipe.

What pins other versions than we do (vLLM pins transformers) runs beside us, not in us. The other Python gets
a folder on its path that holds this package and its entry points, and nothing else of this environment, so
both sides are of one version and nothing has to be installed twice. Messages are pickled: both ends are ours.
The process leads a session of its own, so that Ctrl-C ends only us, and we end all that it started.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import entry_points, version
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import adamms
from adamms.errors import AdaMMSError, SearchError

ERROR = re.compile(r"(?:^|[\s\]])((?:\w+\.)*\w*(?:Error|Exception): .+)$")
"""How a traceback ends."""
LOOK = 1.0
"""Seconds between two looks whether we are still there."""
PATIENCE = 20.0
"""Seconds that a process which is told to end has for it."""
GROUPS = ("adamms.methods", "adamms.architectures")
"""The entry points that merging goes by."""


class OtherPython:
    """A module of ours, run by another Python; it serves calls until it is closed or we are gone."""

    def __init__(self, python: str, module: str, *, environment: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            python: the interpreter.
            module: a module of ours that serves (`serving`), by its full name.
            environment: further variables.

        Raises:
            SearchError: there is no such interpreter.
        """
        self.python = python
        self._busy = self._closed = self._failed_once = False
        self._folder = Path(tempfile.mkdtemp(prefix="adamms-"))
        self._log = self._folder / "log.txt"
        self._pipe, theirs = Pipe()
        own = _package_folder(self._folder / "path")
        path = os.pathsep.join([str(own), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [python, "-m", module, str(theirs.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {}), "PYTHONPATH": path},
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SearchError(f"The Python {python} cannot be started: {error.strerror}.") from None
        finally:
            theirs.close()

    def call(self, name: str, *arguments: Any) -> Any:
        """What the other side returns.

        Raises:
            AdaMMSError: the other side's own.
            SearchError: it failed otherwise, or it has ended; the message says where its log is.
        """
        stream = self.stream(name, *arguments)
        while True:
            try:
                next(stream)
            except StopIteration as end:
                return end.value

    def stream(self, name: str, *arguments: Any) -> Iterator[Any]:
        """What the other side yields, as it comes; the generator's value is what it returns.

        Raises:
            AdaMMSError: the other side's own.
            SearchError: it failed otherwise, or it has ended; the message says where its log is.
        """
        try:
            self._busy = True
            self._pipe.send((name, arguments))
            while True:
                kind, value = self._pipe.recv()
                self._busy = kind == "item"
                if kind == "item":
                    yield value
                elif kind == "done":
                    return value
                elif isinstance(value, AdaMMSError):
                    raise value
                else:
                    raise SearchError(self._failed(str(value)))
        except (EOFError, OSError):
            self._process.wait()
            raise SearchError(self._failed(f"it ended with exit code {self._process.returncode}")) from None

    def close(self) -> None:
        """End it and all that it started; its log is kept where it failed."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):
            self._pipe.send(None)
        self._pipe.close()
        if not self._busy:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
        # Whatever is left of its session, be it itself: asked first, as what it shares it should put away.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)
            end = time.monotonic() + PATIENCE / 4
            while time.monotonic() < end:
                self._process.poll()
                os.killpg(self._process.pid, 0)
                time.sleep(LOOK / 20)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if not self._failed_once:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _failed(self, why: str) -> str:
        self._failed_once = True
        lines = why.strip().splitlines()
        first = self._cause() or (lines[0] if lines else "it said nothing")
        return f"The process under {self.python} failed: {first[:400].rstrip('.')}. Its log is {self._log}."

    def _cause(self) -> str:
        """The first error that its log tells of: those behind it follow from it, in processes of its own."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return next((match[1] for line in text.splitlines() if (match := ERROR.search(line))), "")


def _package_folder(folder: Path) -> Path:
    """A folder that holds this package and its entry points, for another Python's path."""
    folder.mkdir()
    (folder / "adamms").symlink_to(Path(adamms.__file__).resolve().parent, target_is_directory=True)
    number = version("adamms")
    about = folder / f"adamms-{number}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: adamms\nVersion: {number}\n")
    lines = []
    for group in GROUPS:
        points = [point for point in entry_points(group=group) if point.module.partition(".")[0] == "adamms"]
        lines += [f"[{group}]", *(f"{point.name} = {point.value}" for point in points)]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def serve(calls: Any) -> None:
    """The other side: answer calls of methods of `calls` until there are no more, or nobody to hear.

    Args:
        calls: an object whose public methods return, or yield and return.
    """
    descriptor, parent = map(int, sys.argv[1:])
    pipe = Connection(descriptor)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    while True:
        try:
            message = pipe.recv()
        except EOFError:  # whoever leaves in order says so first
            _end_session()
            return
        if message is None:
            return
        name, arguments = message
        try:
            result = getattr(calls, name)(*arguments)
            if isinstance(result, Iterator):
                result = _yielded(result, pipe)
            pipe.send(("done", result))
        except BrokenPipeError:
            _end_session()
            return
        except AdaMMSError as error:
            pipe.send(("error", error))
        except Exception as error:
            # Late: only where something went wrong.
            import traceback

            traceback.print_exc()
            pipe.send(("error", f"{type(error).__name__}: {error}"))


def _end_with(parent: int) -> None:
    """End this session, all that was started in it included, once the process that started it is gone."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    _end_session()


def _end_session() -> None:
    session = os.getpgid(0)
    # Asked first, as what it shares it should put away; whoever does not listen is ended from outside.
    last = f"sleep {PATIENCE / 4:g}; kill -s KILL -- -{session}"
    subprocess.Popen(["sh", "-c", last], start_new_session=True, stderr=subprocess.DEVNULL)
    os.killpg(session, signal.SIGTERM)


def _yielded(items: Iterator[Any], pipe: Connection) -> Any:
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            return end.value
        pipe.send(("item", item))
