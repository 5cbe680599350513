"""Every experiment on made-up answers whose outcome is known, and the page that is written from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proving_ground.paper.__main__ import main
from proving_ground.paper.answers import Answers, Archive, Asked
from proving_ground.paper.comparison import wins_of
from proving_ground.paper.curves import rank_correlation
from proving_ground.paper.page import drawings, results_page, write_page
from proving_ground.paper.plan import Plan, Setting
from proving_ground.paper.readings import readings
from proving_ground.paper.results import read_results, save_results, work_out
from proving_ground.paper.study import Rule, Study, candidates, choose, paired

PAIR = "qwen2-vl-llava-onevision"
TASKS, EACH = ("count", "price"), 10
PLAN = Plan(
    pairs=(PAIR,),
    tasks=TASKS,
    each=EACH,
    samples=6,
    draws=4,
    fine=(PAIR,),
    vocabulary=(PAIR,),
    supervised=(PAIR,),
)
DOCS = Path(__file__).parents[3] / "docs"
# Right answers of ten: they change most at the ends, and alpha 0.4 is between two equal candidates.
RIGHT = {0.0: 4, 0.1: 6, 0.2: 7, 0.3: 8, 0.4: 8, 0.5: 8, 0.6: 6, 0.7: 5, 0.8: 4, 0.9: 3, 1.0: 2}


def hits(setting: Setting) -> int:
    """How many of a task's questions a made-up merge answers rightly."""
    if setting.alpha is None:
        return 5
    between = np.interp(setting.alpha, list(RIGHT), list(RIGHT.values()))
    return round(float(between)) if setting.vocabulary != "shrunk" else round(4 * (1 - setting.alpha))


def made_up(count: int) -> Answers:
    said = [f"truth {index}" if index < count else "wrong" for _ in TASKS for index in range(EACH)]
    return Answers(said, [0.9] * len(said), [0.1] * len(said))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    archive = Archive(tmp_path)
    archive.keep_questions(
        [Asked(f"{task}-{i:03d}", task, "How many?", f"truth {i}") for task in TASKS for i in range(EACH)]
    )
    archive.keep("models", "qwen2-vl", made_up(4))
    archive.keep("models", "llava-onevision", made_up(3))
    for setting in (*PLAN.tables(PAIR), *PLAN.extras(PAIR)):
        archive.keep(PAIR, setting.name, made_up(hits(setting)))
    return Study(archive, PLAN)


@pytest.fixture
def results(study: Study) -> dict[str, Any]:
    return work_out(study, embedding=False)


def test_the_comparison(results: dict[str, Any]) -> None:
    table = results["comparison"][PAIR]
    assert (table["base"], table["donor"]) == ("Qwen2-VL", "LLaVA-OneVision")
    assert table["rows"]["Qwen2-VL"] == [40.0, 40.0]
    assert table["rows"]["TIES"] == [50.0, 50.0]
    assert table["alphas"] == [0.3, 0.3]
    assert table["rows"]["AdaMMS"] == [80.0, 80.0]
    assert table["beside"]["always 0.1"] == [60.0, 60.0]
    assert table["beside"]["best of 0 ... 1"] == [80.0, 80.0]
    assert table["near"] == {
        "AdaMMS": 100.0,
        "always 0.1": 0.0,
        "always 0.2": 100.0,
        "always 0.3": 100.0,
        "always 0.5": 100.0,
    }
    assert table["lost"]["never merge"] == [40.0, 40.0]
    assert table["lost"]["always 0.2"] == [10.0, 10.0]
    # Four of ten questions are gained in each of two tasks: variance 0.24 * 10 / 9 / 10 each.
    assert table["over_base"] == (80.0, round(100 * (2 * 0.24 / 9) ** 0.5, 2))
    assert wins_of([table], "AdaMMS") == 1
    assert wins_of([table], "TIES") == 0


def test_the_choice_follows_the_answers_drawn(study: Study) -> None:
    table = study.table(PAIR, candidates(), "count")
    every = study.draws("count", size=EACH)[:1]
    assert candidates()[choose(table, every, Rule())[0]] == 0.4
    # On 0 to 3 nothing changes: the smallest inner alpha. Of 4 to 6 the last changes between 0.1 and 0.2.
    assert candidates()[choose(table, np.array([[0, 1, 2, 3]]), Rule())[0]] == 0.1
    assert candidates()[choose(table, np.array([[4, 5, 6]]), Rule())[0]] == 0.3


def test_other_experiments(results: dict[str, Any]) -> None:
    rows = results["supervision"][PAIR]["rows"]
    assert set(rows) >= {"AdaMMS, no labels", "TIES, drawn labels", "linear, all labels"}
    steps = results["granularity"][PAIR]["steps"]
    assert {step: each["candidates"] for step, each in steps.items()} == {"0.1": 7, "0.05": 13, "0.02": 31}
    along = results["consistency"][PAIR]
    assert along["accuracy"][:3] == [40.0, 60.0, 70.0]
    assert along["differences"][1:3] == [30.0, 20.0]
    assert along["differences"][0] is None
    assert results["concavity"]["0 ... 0.6"]["share"]["one hill"] == 1.0
    assert results["vocabulary"][PAIR]["rows"]["shrunk"][-1] == 0.0
    shown = results["answers"]
    assert (shown["changing"], shown["of"]) == (6, 10)
    assert all(len(set(row["said"])) > 1 for row in shown["rows"])


def test_the_page_says_what_the_results_say(results: dict[str, Any], tmp_path: Path) -> None:
    save_results(tmp_path / "data" / "results.json", results)
    assert main(["--page-only", "--page", str(tmp_path / "results.md")]) == 0
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    # By way of JSON, as the page is written.
    assert page == results_page(read_results(tmp_path / "data" / "results.json"))
    assert "| AdaMMS | **80.00** (+45.00) | **80.00** (+45.00) | **160.00** (+90.00) | 3 |" in page
    assert "| Qwen2-VL <- LLaVA-OneVision | 40.0 | 30.0 |" in page
    verdicts = {each.claim: each.verdict for each in readings(results)}
    assert verdicts["AdaMMS has the highest SUM of the merging methods"] == "as in the paper"
    assert verdicts["scores collapse at alpha 0.7 and more"] == "not here"
    for name in ("results-consistency.svg", "results-vocabulary.svg"):
        assert (tmp_path / "images" / name).read_text(encoding="utf-8").startswith("<svg")


def test_the_published_page_is_the_one_of_the_published_results(tmp_path: Path) -> None:
    results = read_results(DOCS / "data" / "results.json")
    write_page(tmp_path / "results.md", results)
    for name in ("results.md", *(f"images/{each}" for each in drawings(results))):
        assert (tmp_path / name).read_text("utf-8") == (DOCS / name).read_text("utf-8"), name
    assert len(results["comparison"]) == 8


def test_packages_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("proving_ground.paper.__main__.PACKAGES", {"nosuchmodule": "nosuch-package"})
    assert main(["--out", str(tmp_path)]) == 2
    assert "`pip install nosuch-package`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_small_arithmetic() -> None:
    up = np.array([1.0, 2.0, 3.0])
    assert rank_correlation(up, np.array([9.0, 5.0, 1.0])) == pytest.approx(-1)
    assert rank_correlation(up, np.array([1.0, 1.0, 2.0])) == pytest.approx(0.866, abs=1e-3)
    assert rank_correlation(up, np.array([2.0, 2.0, 2.0])) is None
    same = np.array([True, False, True])
    assert paired([same], [same]) == (0.0, 0.0)
