"""`adamms eval` on a file of labelled inputs, with a real small model and with answers that are there."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adamms.answering.engine import EngineOptions
from adamms.errors import EvaluationError, OutputError, SearchError
from adamms.evaluation.answering import merged_alpha
from adamms.evaluation.task_files import TaskFile, evaluate_model, evaluate_responses, holds_responses
from adamms.responses import read_responses
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
MODEL = str(PAIR.base)
ENGINE = EngineOptions(max_new_tokens=8)


def task(metric: str = "exact", *, samples: int | None = 12) -> TaskFile:
    return TaskFile(PAIR.inputs, PAIR.answers, metric, samples=samples, seed=1)


class Stops:
    """A person who interrupts after so many answers."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.were_there = 0
        self.said: list[str] = []

    @contextmanager
    def stage(self, title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
        self.were_there = done

        def advance(count: int) -> None:
            self.left -= count
            if count and self.left <= 0:
                raise KeyboardInterrupt

        yield advance

    def say(self, message: str) -> None:
        self.said.append(message)


def test_a_model_is_scored_and_its_answers_are_kept(tmp_path: Path) -> None:
    found = evaluate_model(MODEL, task(), engine=ENGINE, out=tmp_path / "out")

    answered = read_responses(tmp_path / "out")
    assert list(answered) == [0.0]
    assert found.total.count == len(answered[0.0]) == 12
    # By hand: these answers are single words.
    truth = PAIR.true_answers()
    assert found.total.score == sum(truth[id_] == said.response for id_, said in answered[0.0].items()) / 12
    assert 0 < found.total.score < 1
    assert sum(each.count for each in found.tasks.values()) == 12
    kept = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert kept["results"] == [found.to_json()]
    assert kept["metric"] == "exact"
    # The same answers scored again without the model, and by the model without keeping them.
    (again,) = evaluate_responses(tmp_path / "out", task())
    assert (again.total, again.tasks) == (found.total, found.tasks)
    assert evaluate_model(MODEL, task(), engine=ENGINE) == found


def test_an_interrupted_evaluation_goes_on_where_it_stood(tmp_path: Path) -> None:
    out, person = tmp_path / "out", Stops(after=5)
    with pytest.raises(KeyboardInterrupt):
        evaluate_model(MODEL, task(), engine=ENGINE, out=out, progress=person)
    assert not out.exists()
    assert person.said == ["The answers so far are kept; go on with --resume."]
    with pytest.raises(OutputError, match="--resume"):
        evaluate_model(MODEL, task(), engine=ENGINE, out=out)
    with pytest.raises(EvaluationError, match="another max_new_tokens"):
        evaluate_model(MODEL, task(), engine=EngineOptions(max_new_tokens=9), out=out, resume=True)

    on = Stops(after=1000)
    found = evaluate_model(MODEL, task(), engine=ENGINE, out=out, resume=True, progress=on)

    assert on.said == ["Resuming: 5 answers are already there."]
    assert (on.were_there, on.left) == (5, 1000 - 7)
    assert found == evaluate_model(MODEL, task(), engine=ENGINE)
    with pytest.raises(OutputError, match="--overwrite"):
        evaluate_model(MODEL, task(), engine=ENGINE, out=out)


def test_what_is_wrong_is_said_before_the_model_is_loaded(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no-model")

    with pytest.raises(EvaluationError, match="no metric 'bleu'"):
        evaluate_model(nowhere, task("bleu"))
    with pytest.raises(EvaluationError, match="neither yes nor no"):
        evaluate_model(nowhere, task("yes-no"))
    with pytest.raises(EvaluationError, match=r'inputs\.jsonl has an "answer"'):
        evaluate_model(nowhere, TaskFile(PAIR.inputs))
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": "else", "answer": "x"}\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="No input in"):
        evaluate_model(nowhere, TaskFile(PAIR.inputs, labels))
    with pytest.raises(SearchError, match="does not exist"):
        evaluate_model(nowhere, TaskFile(tmp_path / "none.jsonl", labels))


def test_answers_of_several_candidates_are_scored_side_by_side(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text('{"id": "a", "answer": "red"}\n{"id": "b", "answer": ["2", "3"]}\n', encoding="utf-8")
    folder = tmp_path / "run" / "responses"
    folder.mkdir(parents=True)
    for alpha, said in (("0.10", "red"), ("0.00", "blue")):
        lines = [{"id": "a", "response": said}, {"id": "b", "response": "three"}]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"alpha={alpha}.jsonl").write_text(text, encoding="utf-8")

    found = evaluate_responses(tmp_path / "run", TaskFile(inputs))

    assert [(each.alpha, each.total.score) for each in found] == [(0.0, 0.5), (0.1, 1.0)]
    assert found[0].tasks == {}


def test_a_plain_file_of_answers_needs_no_alpha(tmp_path: Path) -> None:
    inputs, answers = tmp_path / "inputs.jsonl", tmp_path / "answers.jsonl"
    inputs.write_text('{"answer": "red"}\n{"answer": "blue"}\n', encoding="utf-8")
    answers.write_text('{"id": "1", "response": "Red"}\n', encoding="utf-8")

    (found,) = evaluate_responses(answers, TaskFile(inputs))

    assert (found.total.score, found.total.count, found.unanswered) == (1.0, 1, 1)
    answers.write_text("", encoding="utf-8")
    with pytest.raises(EvaluationError, match="no answers in"):
        evaluate_responses(answers, TaskFile(inputs))


def test_models_and_answers_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").touch()
    (tmp_path / "run" / "responses").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "x_samples_mme.jsonl").touch()

    assert holds_responses(str(tmp_path / "answers.jsonl"))
    assert holds_responses(str(tmp_path / "run"))
    assert holds_responses(str(tmp_path / "logs"))
    assert not holds_responses(MODEL)
    assert not holds_responses("someone/a-model")
    with pytest.raises(SearchError, match=r"none\.jsonl do not exist"):
        evaluate_responses("none.jsonl", task())


@pytest.mark.parametrize(
    ("about", "alpha"),
    [('{"alpha": 0.3}', 0.3), ('{"alpha": null}', 0.0), ('{"alpha": [0, 1]}', 0.0), ("{", 0.0), ("[]", 0.0)],
)
def test_a_merged_model_answers_under_its_alpha(tmp_path: Path, about: str, alpha: float) -> None:
    assert merged_alpha(tmp_path) == 0.0
    (tmp_path / "adamms.json").write_text(about, encoding="utf-8")

    assert merged_alpha(tmp_path) == alpha
