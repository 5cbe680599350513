"""Models are shared out first, their inputs second, and nobody moves more than it must."""

from collections import Counter
from itertools import pairwise

from adamms.answering.tasks import ModelName, Task
from adamms.workers.task_queue import Entry, Standing, TaskQueue

DONOR, BASE = ModelName("donor", 1), ModelName("base")


def candidate(alpha: float) -> ModelName:
    return ModelName("candidate", alpha)


def tasks(*models: ModelName, slices: int) -> list[Task]:
    return [Task(model, (f"{part}",)) for model in models for part in range(slices)]


def worked_off(asked: list[Task], workers: int) -> list[list[Task]]:
    """What each of so many workers does, all equally fast and taking turns."""
    queue, standings = TaskQueue(asked), [Standing() for _ in range(workers)]
    done: list[list[Task]] = [[] for _ in standings]
    while len(queue):
        for place, standing in enumerate(standings):
            others = [other for other in standings if other is not standing and other.model is not None]
            entry = queue.take(standing, others)
            if entry is not None:
                standing.took(entry.task)
                done[place].append(entry.task)
    return done


def moves(done: list[Task]) -> int:
    models = [task.model for task in done]
    return sum(before != after for before, after in pairwise(models))


def test_one_worker_takes_models_in_their_order() -> None:
    asked = tasks(DONOR, BASE, candidate(0.1), slices=3)
    assert worked_off(asked, 1) == [asked]


def test_it_goes_on_where_it_stands() -> None:
    queue = TaskQueue(tasks(candidate(0), candidate(0.3), candidate(0.6), slices=2))
    entry = queue.take(Standing(candidate(0.6)))
    assert entry is not None and entry.task == Task(candidate(0.6), ("0",))


def test_candidates_are_shared_out_first_and_the_last_one_by_its_inputs() -> None:
    """Seven candidates of four slices over four workers: 28 tasks, seven each."""
    done = worked_off(tasks(*map(candidate, range(7)), slices=4), 4)
    assert [len(part) for part in done] == [7, 7, 7, 7]
    assert max(map(moves, done)) <= 2
    assert Counter(task for part in done for task in part).most_common(1)[0][1] == 1


def test_more_workers_than_candidates_share_inputs() -> None:
    done = worked_off(tasks(candidate(0), candidate(1), slices=4), 8)
    assert [len(part) for part in done] == [1] * 8


def test_a_helper_begins_at_the_end() -> None:
    queue = TaskQueue(tasks(candidate(0), slices=3))
    entry = queue.take(Standing(candidate(1)), [Standing(candidate(0))])
    assert entry is not None and entry.task.ids == ("2",)


def test_inputs_that_are_prepared_come_first() -> None:
    queue = TaskQueue(tasks(candidate(0), slices=3))
    entry = queue.take(Standing(candidate(1), {("1",)}))
    assert entry is not None and entry.task.ids == ("1",)


def test_nobody_loads_a_checkpoint_for_little() -> None:
    """The donor's last two slices are left to the one that has it; of five one is worth it."""
    base = Standing(BASE, {("0",)})
    for slices, helps in ((2, False), (5, True)):
        entry = TaskQueue(tasks(DONOR, slices=slices)).take(base, [Standing(DONOR)])
        assert (entry is not None) is helps
    alone = TaskQueue(tasks(DONOR, slices=1)).take(base)
    assert alone is not None
    base.took(alone.task)
    assert base.prepared == {("0",)} and base.checkpoint == "donor 1"


def test_parents_are_begun_at_a_time() -> None:
    first, second = worked_off(tasks(DONOR, BASE, slices=4), 2)
    assert {task.model for task in first} == {DONOR}
    assert {task.model for task in second} == {BASE}


def test_what_was_lost_is_next_of_its_model() -> None:
    queue = TaskQueue(tasks(candidate(0), slices=2))
    entry = queue.take(Standing())
    assert entry is not None
    queue.put_back(Entry(entry.task, 1))
    assert queue.take(Standing()) == Entry(Task(candidate(0), ("0",)), 1)
    queue.drop(candidate(0))
    assert len(queue) == 0
