"""A worker that does nothing, so that what is left is the cost of sharing work out."""

from collections.abc import Callable, Iterator
from typing import Any

from adamms.answering.tasks import Answer, Task
from adamms.responses import Response


class IdleWorker:
    def perform(self, task: Task) -> Iterator[Answer]:
        for id_ in task.ids:
            yield Response(
                id_, task.model.number, "yes", tokens=2, confidence=0.5, entropy=0.5, finished=True
            )

    def close(self) -> None:
        pass


def open_idle(config: dict[str, Any], say: Callable[[str], None]) -> IdleWorker:
    return IdleWorker()
