"""Which task a worker is given: models are shared out first, their inputs second.

A worker that stands at a model goes on with it, since a move costs a pass over the weights and another
checkpoint a loading. So it is given, in this order: a task of the model that it is; the next model that
nobody is at; and, where all are taken, a task of the one with most left, from the end of its inputs.
A worker leaves its checkpoint for another's sake only where nobody is at it, or more than twice as much waits
there as there are workers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adamms.answering.tasks import ModelName, Task


@dataclass
class Standing:
    """Where a worker stands: the model it last became, and the inputs that it has prepared."""

    model: ModelName | None = None
    prepared: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def checkpoint(self) -> str | None:
        """What it has loaded."""
        return None if self.model is None else self.model.checkpoint

    def took(self, task: Task) -> None:
        """It has begun with a task."""
        if self.checkpoint != task.model.checkpoint:
            self.prepared.clear()
        self.model = task.model
        self.prepared.add(task.ids)


@dataclass
class Entry:
    """A task that waits, and how often a worker was lost over it."""

    task: Task
    losses: int = 0


class TaskQueue:
    """The tasks that wait, in their order."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._waiting: dict[ModelName, list[Entry]] = {}
        for task in tasks:
            self._waiting.setdefault(task.model, []).append(Entry(task))

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put_back(self, entry: Entry) -> None:
        """A task whose worker was lost, to be asked next of its model."""
        self._waiting.setdefault(entry.task.model, []).insert(0, entry)

    def drop(self, model: ModelName) -> None:
        """Forget what waits for a model that cannot be asked."""
        self._waiting.pop(model, None)

    def take(self, standing: Standing, others: Sequence[Standing] = ()) -> Entry | None:
        """The next task of a worker; None where it had better wait.

        Args:
            standing: where it stands.
            others: where those stand that are at work.
        """
        if standing.model in self._waiting:
            return self._pop(standing.model, standing)
        taken = {other.model for other in others}
        free = [model for model in self._waiting if model not in taken]
        # Of several that nobody is at rather one for which nothing is loaded.
        free.sort(key=lambda model: standing.checkpoint not in (None, model.checkpoint))
        if free:
            return self._pop(free[0], standing)
        helped = [model for model in self._waiting if self._may_help(standing, model, others)]
        if not helped:
            return None
        return self._pop(max(helped, key=lambda model: len(self._waiting[model])), standing, last=True)

    def _may_help(self, standing: Standing, model: ModelName, others: Sequence[Standing]) -> bool:
        if standing.checkpoint in (None, model.checkpoint):
            return True
        there = sum(other.checkpoint == model.checkpoint for other in others)
        left = sum(
            len(entries) for name, entries in self._waiting.items() if name.checkpoint == model.checkpoint
        )
        return left > 2 * there

    def _pop(self, model: ModelName, standing: Standing, *, last: bool = False) -> Entry:
        entries = self._waiting[model]
        places = range(len(entries))
        known = [place for place in places if entries[place].task.ids in standing.prepared]
        entry = entries.pop((known or places)[-1 if last else 0])
        if not entries:
            del self._waiting[model]
        return entry
