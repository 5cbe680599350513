"""Worker processes on this machine: started, fed, listened to, and ended, whatever state they are in."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from adamms.workers.messages import Message

CHUNK = 1 << 16
PATIENCE = 5.0
"""Seconds for a process that has closed its output to be gone."""


@dataclass
class _Process:
    """A worker process and what travels to and from it."""

    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]
    """What it says on standard error."""
    incoming: bytes = b""
    outgoing: bytearray = field(default_factory=bytearray)

    @property
    def reads(self) -> int:
        """Where its messages come from."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    @property
    def writes(self) -> int:
        """Where messages to it go."""
        assert self.process.stdin is not None
        return self.process.stdin.fileno()


class LocalWorkers:
    """Worker processes of this machine; a resource, to be closed."""

    def __init__(
        self,
        factory: str,
        *,
        config: Callable[[int], Mapping[str, Any]],
        environment: Callable[[int], Mapping[str, str]],
    ) -> None:
        """Nothing is started yet.

        Args:
            factory: `module:name` of what makes a worker's performer from its configuration.
            config: a worker's number -> its configuration, which travels as JSON.
            environment: a worker's number -> variables of its own.
        """
        self._factory, self._config, self._environment = factory, config, environment
        self._processes: dict[int, _Process] = {}
        self._selector = selectors.DefaultSelector()

    def start(self, number: int) -> None:
        """Start the worker of this number."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        process = subprocess.Popen(
            [sys.executable, "-m", "adamms.workers.child", self._factory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **self._environment(number)},
            # A group of its own: Ctrl-C reaches us alone, and we end it with all that it has started.
            start_new_session=True,
        )
        worker = self._processes[number] = _Process(process, errors)
        os.set_blocking(worker.reads, False)
        os.set_blocking(worker.writes, False)
        self._selector.register(worker.reads, selectors.EVENT_READ, number)
        self.send(number, self._config(number))

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """Tell a worker something; it does not matter whether it listens just now."""
        worker = self._processes[number]
        if not worker.outgoing:
            self._selector.register(worker.writes, selectors.EVENT_WRITE, number)
        worker.outgoing += json.dumps(message).encode() + b"\n"
        self._write(worker)

    def wait(self, timeout: float | None) -> list[tuple[int, Message]]:
        """What workers have said, as soon as one has said something, or when the time (seconds) is over."""
        messages: list[tuple[int, Message]] = []
        for key, event in self._selector.select(timeout):
            worker = self._processes.get(key.data)
            if worker is None:
                continue
            if event & selectors.EVENT_WRITE:
                self._write(worker)
            else:
                messages += [(key.data, message) for message in self._read(key.data, worker)]
        return messages

    def kill(self, number: int) -> None:
        """End a worker and all that it has started."""
        worker = self._processes.pop(number, None)
        if worker is None:
            return
        _kill_group(worker.process)
        worker.process.wait()
        self._forget(worker)

    def close(self) -> None:
        """End all of them."""
        # All at once, then one after the other: a second Ctrl-C must not find some of them alive.
        for worker in self._processes.values():
            _kill_group(worker.process)
        for number in list(self._processes):
            self.kill(number)
        self._selector.close()

    def _read(self, number: int, worker: _Process) -> list[Message]:
        try:
            chunk = os.read(worker.reads, CHUNK)
        except BlockingIOError:
            return []
        if chunk:
            *lines, worker.incoming = (worker.incoming + chunk).split(b"\n")
            return [json.loads(line) for line in lines]
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(PATIENCE)
        why = _why_ended(worker)
        self.kill(number)
        return [{"kind": "lost", "why": why}]

    def _write(self, worker: _Process) -> None:
        try:
            written = os.write(worker.writes, worker.outgoing)
        except BlockingIOError:
            return
        except OSError:
            # It is gone, as the end of its output will tell.
            written = len(worker.outgoing)
        del worker.outgoing[:written]
        if not worker.outgoing:
            self._selector.unregister(worker.writes)

    def _forget(self, worker: _Process) -> None:
        for descriptor in (worker.reads, worker.writes):
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
        for file in (worker.process.stdin, worker.process.stdout, worker.errors):
            assert file is not None
            with contextlib.suppress(OSError):
                file.close()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process, if it is not, and whatever it left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _why_ended(worker: _Process) -> str:
    """Why a process ended, as far as it can be told."""
    code = worker.process.returncode
    if code == -signal.SIGKILL:
        return "killed, as the system does where memory runs out"
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    worker.errors.seek(0, os.SEEK_END)
    worker.errors.seek(max(worker.errors.tell() - CHUNK, 0))
    lines = worker.errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"ended with exit code {code}"
