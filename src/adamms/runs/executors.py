"""Who works the tasks of a search off: this process, or many workers.

Inputs are cut into slices where the floats of an answer are to be the same whoever gives it: in float32, and
where several share the work. One process in half precision is asked for all of a model at once, since on a
GPU a step costs the same for a hundred answers as for sixteen.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from adamms.answering.engine import DEFAULT, GivenAnswer
from adamms.answering.tasks import ModelName, Outcome, Task, in_order, slices
from adamms.errors import SearchError
from adamms.progress import Progress
from adamms.recipes.options import SearchOptions
from adamms.runs.live_models import LiveModels
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan
from adamms.workers.devices import on_gpu
from adamms.workers.task_queue import Standing, TaskQueue

if TYPE_CHECKING:
    from adamms.workers.pool import Share

ANSWERED = 32
"""Inputs of a slice that is answered, at most: more share a step better, fewer are shared out better."""
READ = 16
"""Inputs of a slice that is read, at most: as many as one forward pass takes."""


class Executor(Protocol):
    """What works tasks off; a resource, to be closed."""

    @property
    def workers(self) -> int:
        """How many tasks are worked on at a time."""

    @property
    def shares(self) -> "Sequence[Share]":
        """What each worker did; none where this process works by itself."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """What comes of tasks, in any order; after an error nothing more of its model is asked."""

    def close(self) -> None:
        """End all that was started."""


class InProcess:
    """Works tasks off here, one after the other."""

    workers = 1
    shares: "Sequence[Share]" = ()

    def __init__(self, models: LiveModels) -> None:
        self._models = models
        self._standing = Standing()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """What comes of tasks; those of a model together, beginning with where the last ones ended."""
        queue = TaskQueue(tasks)
        while (entry := queue.take(self._standing)) is not None:
            task = entry.task
            self._standing.took(task)
            try:
                if task.kept_together:
                    yield Outcome(task, in_order(task, list(self._models.perform(task))))
                else:
                    for answer in self._models.perform(task):
                        yield Outcome(task, (answer,))
            except SearchError as error:
                queue.drop(task.model)
                yield Outcome(task, error=error)

    def close(self) -> None:
        """Let the models go."""
        self._models.close()


def open_executor(loaded: LoadedModels, plan: SearchPlan, scratch: Path, *, progress: Progress) -> Executor:
    """Who works off the tasks of a run; no model is loaded and no process started before the first.

    Args:
        loaded: the models and the recipe.
        plan: the questions.
        scratch: a folder for what engines write.
        progress: told what a person should know.

    Raises:
        MissingPackageError: Ray is asked for and not installed.
        MachineError: the cluster cannot be reached.
    """
    if plan.options.shared:
        # Late: most searches need none.
        from adamms.runs.shared_work import open_pool

        return open_pool(loaded, plan, scratch, progress=progress)
    return InProcess(LiveModels(loaded, plan.examples, scratch=scratch, say=progress.say))


def tasks_of(
    plan: SearchPlan,
    model: ModelName,
    ids: Sequence[str],
    given: Mapping[str, tuple[GivenAnswer, ...]] | None = None,
    *,
    missing: Sequence[str],
) -> list[Task]:
    """The tasks that ask a model what is missing.

    Args:
        plan: how the search asks.
        model: whom.
        ids: all inputs that it is asked; they are cut into slices, whatever was answered before.
        given: for each of them the answers that are read, where it does not answer.
        missing: those that are not answered yet.
    """
    left, wanted = frozenset(missing), frozenset(ids)
    if not is_sliced(plan.options):
        return [Task(model, tuple(missing), given, kept_together=False)] if missing else []
    # The same few inputs are read by candidates and answered by the winner: prepared once, if cut alike.
    most = READ if given is not None or len(wanted) <= ANSWERED else ANSWERED
    ordered = [id_ for id_ in plan.ids if id_ in wanted]
    parts = ([id_ for id_ in part if id_ in left] for part in slices(ordered, most=most))
    return [Task(model, tuple(part), given) for part in parts if part]


def is_sliced(options: SearchOptions) -> bool:
    """Whether a search asks in slices."""
    if options.engine_name != DEFAULT:
        # What another program or engine does with a batch is its own, and it may be dear to begin with one.
        return False
    return (
        options.shared or options.dtype == "float32" or (options.dtype is None and not on_gpu(options.device))
    )
