"""Worker processes that die, hang, run short or break are replaced, and nothing answered is asked twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fake_worker
from adamms.answering.tasks import ModelName, Task
from adamms.errors import AdaMMSError, CheckpointError, MachineError, SearchError
from adamms.responses import Response
from adamms.workers.pool import WorkerPool
from adamms.workers.processes import LocalWorkers
from fake_worker import failing

HERE = str(Path(fake_worker.__file__).parent)
TASKS = [
    Task(ModelName("candidate", alpha), tuple(f"q{part}{place}" for place in range(3)))
    for alpha in (0.0, 0.1, 0.2)
    for part in range(3)
]


class Shared:
    """Workers without models, what they answered, and what was said."""

    def __init__(self, folder: Path, count: int, *, timeout: float = 60.0, seconds: float = 0.0) -> None:
        self.folder = folder
        self.said: list[str] = []
        workers = LocalWorkers(
            "fake_worker:open_fake",
            config=lambda number: {"folder": str(folder), "seconds": seconds},
            environment=lambda number: {"PYTHONPATH": HERE},
        )
        self.pool = WorkerPool(workers, count, timeout=timeout, say=self.said.append)

    def answers(self, tasks: list[Task] = TASKS) -> Counter[tuple[float, str]]:
        answered: Counter[tuple[float, str]] = Counter()
        for outcome in self.pool.run(tasks):
            assert outcome.error is None
            for answer in outcome.answers:
                assert isinstance(answer, Response)
                assert answer.response == f"{outcome.task.model} {answer.id} \ud800"
                assert answer.confidence == 1 / 3
                answered[answer.alpha, answer.id] += 1
        return answered

    def asked(self) -> Counter[str]:
        lines = (self.folder / "asked").read_text().splitlines()
        return Counter(line.partition(" ")[2] for line in lines)


@contextmanager
def shared(folder: Path, count: int = 2, **options: float) -> Iterator[Shared]:
    made = Shared(folder, count, **options)
    try:
        yield made
    finally:
        made.pool.close()


ONCE = Counter({(task.model.number, id_): 1 for task in TASKS for id_ in task.ids})


def test_everything_is_asked_once_and_words_are_passed_on_once(tmp_path: Path) -> None:
    with shared(tmp_path, 3) as work:
        assert work.answers() == ONCE
        assert work.answers() == ONCE  # the same workers, later
        assert set(work.asked().values()) == {2}
        assert work.said == ["A word from a worker."]
        pids = {line.split()[0] for line in (tmp_path / "asked").read_text().splitlines()}
        assert 1 <= len(pids) <= 3


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("killed", "killed, as the system does where memory runs out"),
        ("short", "There is not enough memory."),
        ("broken", "ValueError: nobody expected this"),
        ("hung", "silent for 2 seconds (--worker-timeout)"),
    ],
)
def test_a_lost_worker_s_questions_are_asked_again(tmp_path: Path, fault: str, why: str) -> None:
    failing(tmp_path, fault, "q11")
    with shared(tmp_path, timeout=2.0 if fault == "hung" else 60.0) as work:
        assert work.answers() == ONCE
        lost = [message for message in work.said if "was lost" in message]
        assert len(lost) == 1 and why.rstrip(".") in lost[0] and "asked again" in lost[0]
        # Its slice was begun once more up to there, everything else asked once.
        assert sorted(work.asked().values())[-3:] == [1, 2, 2]


def test_answers_that_need_not_be_together_count_when_they_are_there(tmp_path: Path) -> None:
    failing(tmp_path, "killed", "q02")
    apart = [Task(task.model, task.ids, kept_together=False) for task in TASKS]
    with shared(tmp_path, 1) as work:
        assert work.answers(apart) == ONCE
        assert Counter(work.asked().values()) == {1: len(ONCE) - 1, 2: 1}


def test_a_task_that_loses_every_worker_ends_the_run(tmp_path: Path) -> None:
    failing(tmp_path, "killed", "q00", times=100)
    with (
        shared(tmp_path) as work,
        pytest.raises(MachineError, match=r"3 workers were lost while they asked 0\.00, inputs q00 to q02"),
    ):
        work.answers([task for task in TASKS if task.model.number == 0])


def test_workers_that_cannot_start_end_the_run(tmp_path: Path) -> None:
    failing(tmp_path, "starting", "", times=100)
    with shared(tmp_path) as work, pytest.raises(MachineError, match="No worker can be started: ValueError"):
        work.answers()


def test_what_is_wrong_with_the_models_is_said_as_it_is(tmp_path: Path) -> None:
    failing(tmp_path, "unfit", "", times=100)
    with shared(tmp_path) as work, pytest.raises(CheckpointError, match="The model is not there"):
        work.answers()


def test_a_model_that_cannot_be_asked_is_dropped_and_the_others_go_on(tmp_path: Path) -> None:
    failing(tmp_path, "refused", "q00")
    refused: list[AdaMMSError | None] = []
    answered: set[float] = set()
    with shared(tmp_path, 1) as work:
        for outcome in work.pool.run(TASKS):
            refused += [outcome.error] if outcome.error else []
            answered |= {outcome.task.model.number for _ in outcome.answers}
    assert [(type(error), str(error)) for error in refused] == [(SearchError, "It cannot be asked.")]
    assert answered == {0.1, 0.2}


PARENT = """
import sys
from pathlib import Path
from test_pool import TASKS, Shared
work = Shared(Path(sys.argv[1]), 2, seconds=0.2)
try:
    work.answers()
except KeyboardInterrupt:
    work.pool.close()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_parent_ends(tmp_path: Path, how: signal.Signals) -> None:
    path = os.pathsep.join([HERE, str(Path(__file__).parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], env={**os.environ, "PYTHONPATH": path}
    )
    asked = tmp_path / "asked"
    deadline = time.monotonic() + 60
    pids: set[int] = set()
    while len(pids) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        pids = {int(line.split()[0]) for line in asked.read_text().splitlines()} if asked.exists() else pids
    process.send_signal(how)
    process.wait(timeout=60)
    assert len(pids) == 2
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs, pids))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
