"""Many workers and one queue: who works on what, who is lost, and what is asked again.

A worker that dies, hangs or runs out of memory is replaced, and what it was asked is asked again; its answers
so far count where they need not be kept together. Nothing that was answered is asked twice. Knows tasks
and messages, and not how a worker is run (`processes.py`, `ray_workers.py`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adamms.answering.tasks import Answer, Outcome, Task, answer_from_json
from adamms.errors import MachineError
from adamms.workers.messages import Message, error_of
from adamms.workers.task_queue import Entry, Standing, TaskQueue

MOST_LOSSES = 3
"""Workers that may be lost over one task, or in a row before they are ready: then it is no accident."""


class Workers(Protocol):
    """What runs workers, by their numbers from 0."""

    def start(self, number: int) -> None:
        """Start one."""

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """Give it a task."""

    def wait(self, timeout: float | None) -> list[tuple[int, Message]]:
        """What they have said, as soon as one has said something or the seconds are over."""

    def kill(self, number: int) -> None:
        """End one."""

    def close(self) -> None:
        """End all."""


@dataclass
class Share:
    """What a worker did."""

    worker: int
    """Counted from 1."""
    start_cpu_seconds: float = 0.0
    """Its processor time until it could work."""
    cpu_seconds: float = 0.0
    """Its processor time from then until the end of its last task."""
    tasks: int = 0


@dataclass
class _Worker:
    """One worker as it is watched."""

    heard: float
    """When it last gave a sign."""
    share: Share
    ready: bool = False
    info: str = ""
    number: int = 0
    """Of its task."""
    entry: Entry | None = None
    standing: Standing = field(default_factory=Standing)
    answered: dict[str, Answer] = field(default_factory=dict)
    """What it has answered of its task."""


class WorkerPool:
    """Workers that share tasks; a resource, to be closed."""

    def __init__(self, workers: Workers, count: int, *, timeout: float, say: Callable[[str], None]) -> None:
        """Nothing is started yet.

        Args:
            workers: what runs them.
            count: how many, at most.
            timeout: seconds that one at work may be silent before it is taken for hung.
            say: told in a line what a person should know.
        """
        self._workers, self._count, self._timeout, self._say = workers, count, timeout, say
        self._alive: dict[int, _Worker] = {}
        self._failed_starts = 0
        self._tasks = 0
        self._told: set[str] = set()
        self.shares: list[Share] = []
        """What each worker did, those that were lost among them."""

    @property
    def workers(self) -> int:
        """How many there are at most."""
        return self._count

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """What comes of tasks, in any order; after an error no more of its model is begun.

        Raises:
            AdaMMSError: workers cannot load what they need.
            MachineError: workers cannot be started, or were lost over one task again and again.
        """
        queue = TaskQueue(tasks)
        while len(queue) or self._busy:
            self._start(len(queue) + len(self._busy))
            self._share_out(queue)
            for number, message in self._workers.wait(self._until_next_deadline()):
                yield from self._hear(number, message, queue)
            self._end_hung(queue)

    def close(self) -> None:
        """End all workers."""
        self._alive.clear()
        self._workers.close()

    @property
    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._alive.values() if worker.entry is not None]

    def _start(self, useful: int) -> None:
        """Start workers until there are enough of them."""
        for number in range(self._count):
            if number not in self._alive and len(self._alive) < min(useful, self._count):
                self._workers.start(number)
                self.shares.append(Share(number + 1))
                self._alive[number] = _Worker(time.monotonic(), self.shares[-1])

    def _share_out(self, queue: TaskQueue) -> None:
        for number, worker in self._alive.items():
            if not worker.ready or worker.entry is not None:
                continue
            others = [other.standing for other in self._busy]
            entry = queue.take(worker.standing, others)
            if entry is None:
                continue
            worker.standing.took(entry.task)
            worker.entry, worker.answered = entry, {}
            self._tasks += 1
            worker.number, worker.heard = self._tasks, time.monotonic()
            self._workers.send(number, {"number": worker.number, "task": entry.task.to_json()})

    def _until_next_deadline(self) -> float | None:
        watched = [worker.heard for worker in self._alive.values() if worker.entry or not worker.ready]
        return max(min(watched) + self._timeout - time.monotonic(), 0.0) if watched else None

    def _hear(self, number: int, message: Message, queue: TaskQueue) -> Iterator[Outcome]:
        worker = self._alive.get(number)
        if worker is None:
            return
        worker.heard = time.monotonic()
        kind, entry = message["kind"], worker.entry
        if kind == "say":
            if message["text"] not in self._told:
                self._told.add(message["text"])
                self._say(message["text"])
        elif kind == "ready":
            worker.ready, worker.info, self._failed_starts = True, message["info"], 0
            worker.share.start_cpu_seconds = message["cpu"]
        elif kind == "unfit":
            raise error_of(message)
        elif kind in ("failed", "lost"):
            self._lose(number, message["why"], queue)
        elif entry is None or message["number"] != worker.number:
            return
        elif kind == "answers":
            answers = [answer_from_json(data) for data in message["answers"]]
            worker.answered |= {answer.id: answer for answer in answers}
            yield Outcome(entry.task, answers)
        elif kind == "done":
            worker.entry = None
            worker.share.tasks += 1
            worker.share.cpu_seconds = message["cpu"] - worker.share.start_cpu_seconds
        elif kind == "refused":
            worker.entry = None
            queue.drop(entry.task.model)
            yield Outcome(entry.task, error=error_of(message))

    def _end_hung(self, queue: TaskQueue) -> None:
        now = time.monotonic()
        for number, worker in list(self._alive.items()):
            if now - worker.heard < self._timeout or (worker.ready and worker.entry is None):
                continue
            if not worker.ready and any(other.ready for other in self._alive.values()):
                # It may be long in coming, as on a cluster that is full; others do the work.
                worker.heard = now
            else:
                self._lose(number, f"silent for {self._timeout:g} seconds (--worker-timeout)", queue)

    def _lose(self, number: int, why: str, queue: TaskQueue) -> None:
        """End a worker; what it was asked and has not answered is asked again."""
        worker = self._alive.pop(number)
        self._workers.kill(number)
        name = f"Worker {number + 1}" + (f" ({worker.info})" if worker.info else "")
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_LOSSES:
                raise MachineError(f"No worker can be started: {why}.")
        if worker.entry is None:
            self._say(f"{name} was lost: {why}.")
            return
        losses = worker.entry.losses + 1
        task = worker.entry.task.without(worker.answered) if worker.answered else worker.entry.task
        if losses >= MOST_LOSSES:
            raise MachineError(
                f"{losses} workers were lost while they asked {task}, the last one because it was {why}; "
                "go on with --resume, and with fewer --workers if memory ran out."
            )
        self._say(f"{name} was lost: {why}. What it was asked is asked again.")
        if task.ids:
            queue.put_back(Entry(task, losses))
