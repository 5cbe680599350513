"""Slices of the inputs, and tasks and answers as they travel between processes."""

import json
import math

import pytest

from adamms.answering.engine import GivenAnswer, Likelihood
from adamms.answering.tasks import (
    Answer,
    ModelName,
    Opinions,
    Task,
    answer_from_json,
    answer_to_json,
    in_order,
    slices,
)
from adamms.responses import Response


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(0, 32, []), (32, 32, [32]), (33, 32, [16, 17]), (100, 32, [25] * 4)]
)
def test_slices_are_few_and_alike(count: int, most: int, sizes: list[int]) -> None:
    ids = [str(index) for index in range(count)]
    parts = slices(ids, most=most)
    assert [len(part) for part in parts] == sizes
    assert [id_ for part in parts for id_ in part] == ids


def test_tasks_and_answers_travel_with_every_digit() -> None:
    given = {"a": (GivenAnswer("yes \ud800", True), GivenAnswer("", False))}
    for task in (Task(ModelName("candidate", 0.1), ("a",), given), Task(ModelName("donor", 2), ("a", "b"))):
        assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task
    answers: list[Answer] = [
        Response("a", 0.1, "x\u2028", tokens=3, confidence=1 / 3, finished=False),
        Opinions("b", (Likelihood(-math.pi, 3), Likelihood(-math.inf, 1))),
    ]
    for answer in answers:
        assert answer_from_json(json.loads(json.dumps(answer_to_json(answer)))) == answer
    assert in_order(Task(ModelName("base"), ("b", "a")), answers) == answers[::-1]
