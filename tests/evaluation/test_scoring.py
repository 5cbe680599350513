"""Labels from a file, and scores over all and by task."""

import json
from pathlib import Path

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.labels import Label, read_labels
from adamms.evaluation.scoring import TaskScore, evaluate
from adamms.responses import Response


def write(tmp_path: Path, *lines: object) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (tmp_path / "labels.jsonl").write_text(text, encoding="utf-8")
    return tmp_path / "labels.jsonl"


def said(**texts: str) -> dict[str, Response]:
    return {id_: Response(id_, 0.3, text) for id_, text in texts.items()}


def test_labels_go_by_id_or_line_number(tmp_path: Path) -> None:
    labels = read_labels(
        write(
            tmp_path,
            {"answer": "red", "prompt": "?"},
            "",
            {"answer": 7, "task": "count"},
            {"id": "x", "answer": ["a", "b"], "choices": ["cat", "dog"]},
            {"id": "unlabelled"},
        )
    )

    assert labels == {
        "1": Label(("red",)),
        "3": Label(("7",), "count"),
        "x": Label(("a", "b"), None, ("cat", "dog")),
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("{",), "line 1: not valid JSON"),
        (
            ({"id": 1, "answer": "a"}, {"id": "1", "answer": "b"}),
            'line 2: the id "1" is already used on line 1',
        ),
        (({"id": True, "answer": "a"},), 'line 1: "id" must be'),
        (({"answer": {"text": "a"}},), 'line 1: "answer" must be'),
        (({"answer": [True]},), 'line 1: "answer" must be'),
        (({"id": "a"}, {"id": "b", "answer": None}, {"id": "c", "answer": []}), 'has an "answer"'),
        (({"answer": "a", "choices": ["x"] * 27},), "more options than there are letters"),
    ],
)
def test_labels_that_are_wrong(tmp_path: Path, lines: tuple[object, ...], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_labels(write(tmp_path, *lines))


def test_a_score_over_all_and_one_a_task() -> None:
    labels = {
        "a": Label(("red",), "colour"),
        "b": Label(("blue",), "colour"),
        "c": Label(("2",), "count"),
        "d": Label(("3",)),
        "e": Label(("4",), "count"),
    }
    found = evaluate(said(a="Red.", b="green", c="two", d="3"), labels)

    assert found.alpha == 0.3
    assert found.total == TaskScore(0.75, 4)
    # Of 1, 0, 1, 1: the squares about 3/4 add up to 3/4, over 3 is 1/4, over 4 answers 1/16.
    assert found.total.stderr == pytest.approx(0.25)
    assert found.tasks["count"].stderr is None
    assert found.by_input == {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}
    assert found.tasks == {"colour": TaskScore(0.5, 2), "count": TaskScore(1.0, 1)}
    assert found.unanswered == 1
    assert found.to_json()["tasks"]["colour"] == {"score": 0.5, "stderr": 0.5, "count": 2}


def test_answers_without_labels_are_refused() -> None:
    with pytest.raises(EvaluationError, match="no answers to score"):
        evaluate({}, {"a": Label(("x",))})
    with pytest.raises(EvaluationError, match=r'1 of 2 answered inputs have no true answer .*"b"'):
        evaluate(said(a="x", b="y"), {"a": Label(("x",))})
