"""`adamms table` and `adamms eval` as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adamms.zoo import shipped_pair
from paper_tables import PAPER, TABLES

PAIR = shipped_pair()


def adamms(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table 1 in the form of the design."""
    table = TABLES["1"]
    file = tmp_path_factory.mktemp("scores") / "scores.json"
    rows = {name: [float(score) for score in row["scores"]] for name, row in table["rows"].items()}
    data = {"base": table["base"], "donor": table["donor"], "tasks": PAPER["tasks"], "rows": rows}
    file.write_text(json.dumps(data), encoding="utf-8")
    return file


def test_table_prints_one_json_document(scores: Path) -> None:
    printed = adamms("table", scores, "--json")

    assert printed.returncode == 0, printed.stderr
    row = json.loads(printed.stdout)["rows"]["AdaMMS"]
    assert row == {
        "scores": [51.11, 83.36, 76.2, 85.5, 83.41, 53.56, 62.02, 68.4],
        "gain": [4.335, 4.12, 0.555, 7.7, 2.115, 3.06, 1.2, 3.755],
        "sum": 563.56,
        "sum_gain": 26.84,
        "top2": 8,
    }
    assert adamms("table", scores, "--format", "json").stdout == printed.stdout


def test_table_keeps_its_width_in_a_pipe(scores: Path) -> None:
    printed = adamms("table", scores)

    assert printed.returncode == 0, printed.stderr
    (line,) = [line for line in printed.stdout.splitlines() if line.lstrip().startswith("AdaMMS")]
    assert " ".join(line.split()) == (
        "AdaMMS 51.11** 83.36** 76.20 85.50** 83.41* 53.56** 62.02* 68.40* 563.56** 8"
    )


def test_table_adds_up_several_files(scores: Path) -> None:
    printed = json.loads(adamms("table", scores, scores, "--json").stdout)

    assert printed["base"] is None
    assert printed["rows"]["AdaMMS"]["scores"][0] == 8.67
    assert printed["rows"]["AdaMMS"]["top2"] == 8


@pytest.mark.parametrize("form", ["markdown", "latex", "csv"])
def test_table_prints_other_forms(scores: Path, form: str) -> None:
    printed = adamms("table", scores, "--format", form)

    assert printed.returncode == 0, printed.stderr
    assert "563.56" in printed.stdout


def test_table_says_what_is_wrong_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("model,a\nB,1\nD,x\n", encoding="utf-8")
    printed = adamms("table", tmp_path / "bad.csv")

    assert printed.returncode == 2
    assert printed.stdout == ""
    assert printed.stderr.startswith("adamms: ")
    assert printed.stderr.count("\n") == 1
    assert "'x'" in printed.stderr


def test_table_and_the_scoring_of_answers_bring_no_torch(scores: Path) -> None:
    code = (
        "import sys, adamms.cli.table, adamms.evaluation.score_files, adamms.evaluation.score_summaries, "
        "adamms.reports.score_tables, adamms.evaluation.task_files, adamms.evaluation.suite_results; "
        "print({'torch', 'transformers', 'pydantic'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout == "set()\n", printed.stderr


def test_eval_of_a_model_and_then_of_its_answers(tmp_path: Path) -> None:
    common = ("--inputs", PAIR.inputs, "--answers", PAIR.answers)
    out = tmp_path / "out"
    first = adamms("eval", PAIR.base, *common, "--samples", 10, "--max-new-tokens", 4, "--out", out, "--json")

    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told == json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert told["model"] == str(PAIR.base)
    assert told["results"][0]["count"] == 10
    gathered = json.loads(adamms("table", f"base={out}", f"donor={out / 'scores.json'}", "--json").stdout)
    shares = [100 * each["score"] for each in told["results"][0]["tasks"].values()]
    assert gathered["rows"]["donor"]["scores"] == pytest.approx(shares)
    assert gathered["tasks"] == list(told["results"][0]["tasks"])
    file = tmp_path / "scores.json"
    again = adamms("eval", out / "responses" / "alpha=0.00.jsonl", *common, "--out", file)
    assert again.returncode == 0, again.stderr
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["results"][0]["score"] == told["results"][0]["score"]
    assert kept["results"][0]["unanswered"] == 238
    assert f"{told['results'][0]['score']:.1%}" in again.stdout
    taken = adamms("eval", out, *common, "--out", file)
    assert (taken.returncode, "--overwrite" in taken.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PAIR.base,), "--inputs"),
        ((PAIR.answers, "--inputs", PAIR.answers, "--out", "folder"), "a .json file"),
        ((PAIR.base, "--inputs", PAIR.answers, "--out", "no/such/folder.json"), "no folder no/such"),
        ((PAIR.base, "--inputs", "none.jsonl"), "none.jsonl does not exist"),
    ],
)
def test_eval_says_what_is_wrong_in_a_sentence(arguments: tuple[object, ...], message: str) -> None:
    printed = adamms("eval", *arguments)

    assert printed.returncode == 2
    assert message in printed.stderr
    assert printed.stderr.count("\n") == 1
