"""Scores read from JSON and CSV, and what is said where a file is wrong."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.score_files import read_scores


def written(tmp_path: Path, text: str, name: str = "scores.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_json_keeps_numbers_as_they_are_spelled(tmp_path: Path) -> None:
    rows = '{"D": [2], "m": [null], "B": [50.110000000000001]}'
    data = f'{{"base": "B", "donor": "D", "tasks": ["t"], "rows": {rows}}}'
    scores = read_scores(written(tmp_path, data, "scores.json"))

    assert (scores.base, scores.donor, scores.tasks) == ("B", "D", ("t",))
    assert scores.rows == {"D": (Decimal(2),), "m": (None,), "B": (Decimal("50.11"),)}


def test_a_spreadsheet_names_the_parents_by_its_first_lines(tmp_path: Path) -> None:
    text = '\ufeffmodel,MME,"TextVQA, val"\r\nQwen2-VL,81.44,84.12\r\nLLaVA,77.04,\r\n\r\nours,-, 83.5\r\n'
    scores = read_scores(written(tmp_path, text))

    assert (scores.base, scores.donor) == ("Qwen2-VL", "LLaVA")
    assert scores.tasks == ("MME", "TextVQA, val")
    assert scores.rows["LLaVA"] == (Decimal("77.04"), None)
    assert scores.rows["ours"] == (None, Decimal("83.5"))


def test_parents_can_be_named(tmp_path: Path) -> None:
    file = written(tmp_path, "model\ta\nours\t1\nD\t2\nB\t3\n", "scores.tsv")

    scores = read_scores(file, base="B", donor="D")

    assert (scores.base, scores.donor) == ("B", "D")


GOOD = {"base": "B", "donor": "D", "tasks": ["t"], "rows": {"B": [1], "D": [2]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({**GOOD, "tasks": "t"}), '"tasks" must be a list'),
        (json.dumps({**GOOD, "rows": [1]}), '"rows" must hold'),
        (json.dumps({**GOOD, "rows": {"B": 1}}), 'row "B" must be a list'),
        (json.dumps({key: GOOD[key] for key in ("base", "tasks", "rows")}), '"donor" must name .* --donor'),
        (json.dumps({**GOOD, "rows": {"B": [1], "D": ["2"]}}), "must be a number, not '2'"),
        (json.dumps({**GOOD, "rows": {"B": [1], "D": [float("nan")]}}), "finite"),
        (
            '{"base": "B", "donor": "D", "tasks": ["t"], "rows": {"B": [1], "D": [2], "B": [3]}}',
            '"B" is there twice',
        ),
        (
            '{"base": "B", "donor": "D", "tasks": ["t"], "rows": {"B": [' + "9" * 5000 + '], "D": [2]}}',
            "JSON|finite",
        ),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_json_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text, "scores.json")

    with pytest.raises(EvaluationError, match=message) as caught:
        read_scores(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,a\nB,1\n", "a line for each parent"),
        ("model\nB\nD\n", "a header"),
        ("model,a,\nB,1,1\nD,2,2\n", "no name in the header"),
        ("model,a\nB,1\nD,2\n,3\n", "no name"),
        ("model,a\nB,1\nD,2\nB,3\n", '"B" is there twice'),
        ("model,a\nB,1\nD,83%\n", "'83%', which is not a number"),
        ("model,a\nB,1\nD,2_0\n", "'2_0', which is not a number"),
        ("model,a\nB,1\nD,inf\n", "'inf', which is not a number"),
        ("model,a\nB,1\nD,1e400\n", "finite"),
        ("model,a\nB,1\nD,2,3\n", '"D" has 2 scores for 1 tasks'),
        ("model,a,SUM\nB,1,1\nD,2,2\n", "worked out"),
    ],
)
def test_a_spreadsheet_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_scores(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="do not exist"):
        read_scores(tmp_path / "none.json")
    with pytest.raises(EvaluationError, match="folder"):
        read_scores(tmp_path)
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluationError, match="UTF-8"):
        read_scores(tmp_path / "x.csv")
