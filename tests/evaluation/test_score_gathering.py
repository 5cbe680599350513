"""Rows of one table from what several evaluations left behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.score_gathering import gather_scores, source_row, split_sources


def ours(folder: Path, *results: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.json").write_text(json.dumps({"metric": "exact", "results": results}), encoding="utf-8")
    return folder


def result(score: float, **tasks: float) -> dict[str, Any]:
    return {
        "alpha": 0,
        "score": score,
        "tasks": {name: {"score": each, "count": 9} for name, each in tasks.items()},
    }


def test_rows_of_all_kinds_of_sources(tmp_path: Path) -> None:
    lmms, kit = tmp_path / "lmms" / "model", tmp_path / "kit"
    lmms.mkdir(parents=True)
    kit.mkdir()
    results = {"results": {"gqa": {"exact_match,none": 0.618}, "scienceqa_img": {"exact_match,none": 0.9}}}
    (lmms / "20261122_results.json").write_text(json.dumps(results), encoding="utf-8")
    (kit / "M_TextVQA_VAL_acc.csv").write_text("Overall\n84.12\n", encoding="utf-8")

    assert {k: v for k, v in source_row(tmp_path / "lmms").items() if v is not None} == {"GQA": 61.8}
    assert {k: v for k, v in source_row(kit).items() if v is not None} == {"TextVQA_val": 84.12}
    assert source_row(ours(tmp_path / "a", result(0.5, count=0.25, colour=0.75))) == {
        "count": 25.0,
        "colour": 75.0,
    }
    assert source_row(ours(tmp_path / "b", result(0.5)) / "scores.json") == {"all": 50.0}


def test_the_first_is_the_base_and_a_missing_task_stays_missing(tmp_path: Path) -> None:
    one = ours(tmp_path / "one", result(0.5, a=0.1, b=0.2))
    two = ours(tmp_path / "two", result(0.5, b=0.3, c=0.4))

    scores = gather_scores({"X": one, "Y": two})

    assert (scores.base, scores.donor, scores.tasks) == ("X", "Y", ("a", "b", "c"))
    assert [None if score is None else float(score) for score in scores.rows["Y"]] == [None, 30.0, 40.0]
    assert gather_scores({"X": one, "Y": two}, base="Y", donor="X").base == "Y"
    with pytest.raises(EvaluationError, match="at least two"):
        gather_scores({"X": one})


def test_what_is_no_evaluation_is_said(tmp_path: Path) -> None:
    (tmp_path / "x_results.json").write_text("[", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "none.json", "do not exist"),
        (tmp_path / "x_results.json", "not valid JSON"),
        (tmp_path / "empty", "no scores in"),
        (ours(tmp_path / "two", result(0.1), result(0.2)), "holds 2 evaluations"),
        (ours(tmp_path / "bad", {"tasks": 1}), "is damaged"),
    ):
        with pytest.raises(EvaluationError, match=message):
            source_row(path)
    (tmp_path / "y_results.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EvaluationError, match="2 results of lmms-eval"):
        source_row(tmp_path)


def test_sources_have_names_and_files_of_scores_have_none(tmp_path: Path) -> None:
    (tmp_path / "a=b.json").touch()

    assert split_sources(["scores.json"]) is None
    assert split_sources([str(tmp_path / "a=b.json")]) is None
    assert split_sources(["X=a", "Y=b=c"]) == {"X": Path("a"), "Y": Path("b=c")}
    with pytest.raises(EvaluationError, match="not both"):
        split_sources(["X=a", "scores.json"])
    with pytest.raises(EvaluationError, match='"X" is there twice'):
        split_sources(["X=a", "X=b"])
