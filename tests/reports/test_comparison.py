"""Several runs side by side: what they chose, where their recipes differ, what they answer."""

import json
import shutil
from pathlib import Path

import pytest

from adamms.errors import OutputError, SearchError
from adamms.reports.compare_page import build_comparison, verdict
from adamms.reports.comparison import compare_runs
from adamms.responses import read_responses
from adamms.searching import select


@pytest.fixture
def other(run_dir: Path) -> Path:
    """The same run, chosen by another rule."""
    other = run_dir.parent / "other"
    shutil.copytree(run_dir, other)
    selection = select(read_responses(other), rule="previous")
    (other / "selection.json").write_text(json.dumps(selection.to_json()))
    recipe = (other / "recipe.yaml").read_text()
    (other / "recipe.yaml").write_text(recipe.replace("rule: sum", "rule: previous"))
    return other


def test_runs_are_put_side_by_side(run_dir: Path, other: Path) -> None:
    found = compare_runs([run_dir, other]).to_json()

    sums, previous = found["runs"]
    assert [sums["name"], previous["name"]] == ["run", "other"]
    assert [sums["rule"], previous["rule"]] == ["sum", "previous"]
    chosen = json.loads((run_dir / "selection.json").read_text())
    assert sums["selected"] == chosen["selected"]
    assert [each["differences"] for each in sums["candidates"]] == [
        each["differences"] for each in chosen["candidates"]
    ]
    assert sums["consistency"] == sums["differences"] / 40
    accuracy = json.loads((run_dir / "accuracy.json").read_text())
    assert sums["accuracy"] == accuracy[f"{sums['selected']:g}"]
    assert found["recipe_differences"] == {"search.rule": ["sum", "previous"]}
    assert found["shared_inputs"] == 40


def as_density(run: Path) -> None:
    """Turn a run's alphas into values of another setting, as a search of that setting writes them."""
    path = run / "selection.json"
    chosen = json.loads(path.read_text())
    chosen["setting"] = "density"
    for entry in chosen["candidates"]:
        entry |= {"setting": "density", "value": entry.pop("alpha")}
    chosen["signals"] = []
    path.write_text(json.dumps(chosen))
    for file in (run / "responses").iterdir():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line |= {"setting": "density", "value": line.pop("alpha")}
        file.unlink()
        renamed = file.with_name(file.name.replace("alpha=", "density="))
        renamed.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_was_searched_is_called_by_its_name(run_dir: Path, other: Path) -> None:
    as_density(other)
    compared = compare_runs([run_dir, other])
    chosen = [run.alpha for run in compared.runs]

    assert [run["setting"] for run in compared.to_json()["runs"]] == ["alpha", "density"]
    assert verdict(compared) == f"run: alpha = {chosen[0]:g}; other: density = {chosen[1]:g}."
    page = build_comparison(compared, run_dir.parent / "compare.html").read_text()
    assert f"<b>density = {chosen[1]:g}</b>" in page
    # Two settings share no axis.
    assert "The candidates by alpha" in page
    assert "The candidates by density" in page

    as_density(run_dir)
    both = compare_runs([run_dir, other])
    assert "alpha" not in verdict(both)
    page = build_comparison(both, run_dir.parent / "both.html").read_text()
    assert "The candidates by alpha" not in page
    assert ">density</th>" in page


def test_answers_to_shared_inputs_are_compared(run_dir: Path, other: Path) -> None:
    path = other / "selection.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "selected": 0.6}))

    grid = compare_runs([run_dir, other]).grid

    assert grid is not None
    assert [column.label for column in grid.columns] == ["run", "other"]
    # At 0.6 every answer is empty, at the other's choice none is.
    assert grid.unchanged == 0
    assert [cell.text for cell in grid.rows[0].cells][1] == ""


def test_inputs_of_equal_name_and_another_question_are_left_out(run_dir: Path, other: Path) -> None:
    inputs = run_dir.parent / "inputs.jsonl"
    lines = inputs.read_text().replace("shape 5?", "form 5?").replace("shape 6?", "form 6?")
    (run_dir.parent / "others.jsonl").write_text(lines)
    recipe = (other / "recipe.yaml").read_text()
    (other / "recipe.yaml").write_text(recipe.replace("inputs.jsonl", "others.jsonl"))

    comparison = compare_runs([run_dir, other])

    assert comparison.other_prompts == 2
    assert comparison.grid is not None
    assert comparison.grid.inputs == 38


def test_a_merged_model_has_a_row_too(run_dir: Path) -> None:
    merged = run_dir / "merged"
    made = {
        "version": "0.1.0",
        "base": {"source": str(run_dir.parent / "base")},
        "donor": {"source": "some/donor"},
        "mapping": {"duplicates": "paired", "vocabulary": "keep", "exclude": []},
        "method": "ties",
        "alpha": 0.4,
        "density": 0.2,
        "selection": None,
    }
    (merged / "adamms.json").write_text(json.dumps(made))

    comparison = compare_runs([run_dir, merged])

    row = comparison.runs[1].to_json()
    assert (row["name"], row["selected"], row["rule"]) == ("merged", 0.4, "by hand")
    assert (row["base"], row["donor"], row["method"]) == ("base", "some/donor", "ties")
    assert row["candidates"] == []
    assert comparison.grid is None
    assert comparison.differing["mapping.vocabulary"] == ("tokens", "keep")
    assert comparison.differing["merge.settings.density"] == (None, 0.2)
    assert not any(key.startswith("search.") for key in comparison.differing)
    page = build_comparison(comparison, run_dir / "page.html").read_text(encoding="utf-8")
    assert "by hand" in page
    assert "No input was answered by two runs or more." in page


def test_names_tell_runs_apart(run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(run_dir, tmp_path / "a" / "run")

    names = [run.name for run in compare_runs([run_dir, tmp_path / "a" / "run"]).runs]
    twice = [run.name for run in compare_runs([run_dir, run_dir]).runs]

    assert names == [f"{tmp_path.name}/run", "a/run"]
    assert twice == ["run (1)", "run (2)"]


def test_the_page_is_one_file_that_loads_nothing(run_dir: Path, other: Path) -> None:
    page = build_comparison(compare_runs([run_dir, other]), run_dir.parent / "compare.html").read_text(
        "utf-8"
    )

    assert "2 merges compared" in page
    assert "default-src &#39;none&#39;; script-src" in page
    assert "<img src=x" not in page
    assert page.count('class="plot swatch"') == 2


def test_what_cannot_be_compared_is_said(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="at least two"):
        compare_runs([run_dir])
    with pytest.raises(SearchError, match=r"neither a finished run .* nor a merged model"):
        compare_runs([run_dir, tmp_path])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "adamms.json").write_text("{}")
    with pytest.raises(SearchError, match=r"adamms.json is damaged"):
        compare_runs([run_dir, tmp_path / "bad"])
    with pytest.raises(OutputError, match="cannot be written"):
        build_comparison(compare_runs([run_dir, run_dir]), tmp_path)


def test_evaluations_are_compared_question_by_question(tmp_path: Path) -> None:
    folders = []
    for model, right in (("base", [1, 0, 0, 0]), ("ours", [1, 1, 1, 0])):
        folder = tmp_path / model
        (folder / "responses").mkdir(parents=True)
        lines = [{"id": str(at), "alpha": 0, "response": f"{score}"} for at, score in enumerate(right)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "responses" / "alpha=0.00.jsonl").write_text(text)
        result = {"score": sum(right) / 4, "by_input": {str(at): score for at, score in enumerate(right)}}
        scores = {"model": f"/models/{model}", "inputs": "q.jsonl", "metric": "exact", "results": [result]}
        (folder / "scores.json").write_text(json.dumps(scores))
        folders.append(folder)

    comparison = compare_runs(folders)

    (difference,) = comparison.to_json()["accuracy_differences"]
    assert (difference["run"], difference["against"], difference["inputs"]) == ("ours", "base", 4)
    assert difference["difference"] == 0.5
    assert [run["accuracy"] for run in comparison.to_json()["runs"]] == [0.25, 0.75]
    assert comparison.grid is not None
    assert comparison.grid.unchanged == 2
    page = build_comparison(comparison, tmp_path / "page.html").read_text()
    assert "ours against base: +50.0 points" in page
    assert "none" not in [run["selected"] for run in comparison.to_json()["runs"]]
    (tmp_path / "ours" / "scores.json").write_text("{}")
    with pytest.raises(SearchError, match="evaluate it again"):
        compare_runs(folders)
