"""Harnesses as processes: what is said where one is not there or fails, and a suite of which a part is there.

The harness is a stand-in program here; the real ones run in tests/harnesses where there are environments.
"""

import json
import sys
from pathlib import Path

import pytest

from adamms.errors import EvaluationError, RecipeError
from adamms.evaluation.benchmark_inputs import draw_inputs
from adamms.evaluation.harness_evaluation import HarnessTask, evaluate_with_harness, parse_pythons
from adamms.evaluation.harness_process import Environment, lmms_eval_environment, vlmevalkit_environment
from adamms.evaluation.harness_scores import lmms_eval_scores, share
from adamms.evaluation.score_gathering import source_row
from adamms.recipes.recipe import make_recipe
from adamms.zoo import shipped_pair

BASE = str(shipped_pair().base)

STAND_IN = """\
#!{python}
import json, sys
from pathlib import Path

arguments = sys.argv[1:]
Path({calls!r}).open("a").write(json.dumps(arguments) + "\\n")
if arguments[1:2] == ["probe"]:
    tasks = arguments[arguments.index("--tasks") + 1].split(",")
    print(json.dumps({{task: None if task in {there!r} else "The data is not there." for task in tasks}}))
elif arguments[:2] == ["-m", "lmms_eval"]:
    if {fails!r}:
        print("Traceback ...", file=sys.stderr)
        print("2026 | ERROR | Error during evaluation: " + {fails!r} + ". Please set `--verbosity=DEBUG` "
              "to get more information.", file=sys.stderr)
        sys.exit(0)
    out = Path(arguments[arguments.index("--output_path") + 1]) / "model"
    out.mkdir(parents=True)
    asked = arguments[arguments.index("--tasks") + 1].split(",")
    found = {{"gqa": {{"alias": "gqa", "exact_match,none": 0.625, "exact_match_stderr,none": 0.1}},
             "mme": {{"mme_perception_score,none": 1400.0, "mme_cognition_score,none": 280.0}},
             "odd": {{"points,none": 412.0}}}}
    samples = {{task: {{"effective": 8}} for task in asked}}
    results = {{"results": {{task: found[task] for task in asked}}, "n-samples": samples}}
    (out / "20260101_000000_results.json").write_text(json.dumps(results))
"""


def stand_in(folder: Path, *, there: tuple[str, ...] = (), fails: str = "") -> tuple[str, Path]:
    """A program in a harness's place, and the file of how it was called."""
    program, calls = folder / "python", folder / "calls.jsonl"
    text = STAND_IN.format(python=sys.executable, calls=str(calls), there=there, fails=fails)
    program.write_text(text)
    program.chmod(0o755)
    return str(program), calls


def test_a_suite_measures_what_can_be_had_and_says_of_the_rest_why_not(tmp_path: Path) -> None:
    python, calls = stand_in(tmp_path, there=("gqa",))

    told = evaluate_with_harness(
        BASE,
        HarnessTask(suite="paper", pythons=parse_pythons([f"lmms-eval={python}"])),
        out=tmp_path / "scores",
    )

    (result,) = told["results"]
    assert list(result["tasks"]) == ["GQA"]
    assert result["tasks"]["GQA"]["score"] == 0.625
    assert told["missing"]["OKVQA"] == "The data is not there."
    # The paper measured a base of this architecture with VLMEvalKit here, and none is named.
    assert "Name the python of your VLMEvalKit environment" in told["missing"]["MME_sum"]
    assert len(told["missing"]) == 8
    assert source_row(tmp_path / "scores") == {"GQA": 62.5}
    run = [json.loads(line) for line in calls.read_text().splitlines()][-1]
    assert run[run.index("--model_args") + 1] == f"model={BASE}"
    assert run[run.index("--tasks") + 1] == "gqa"


def test_one_harness_for_all_of_a_suite(tmp_path: Path) -> None:
    python, _ = stand_in(tmp_path, there=("gqa", "mme"))

    told = evaluate_with_harness(BASE, HarnessTask((), "lmms-eval", "paper", parse_pythons([python])))

    tasks = told["results"][0]["tasks"]
    assert list(tasks) == ["MME_sum", "GQA"]
    assert tasks["MME_sum"]["score"] == pytest.approx(0.6)
    assert tasks["MME_sum"]["metric"] == "mme_perception_score + mme_cognition_score"


def test_a_metric_that_is_no_share_has_a_value_and_no_score(tmp_path: Path) -> None:
    python, _ = stand_in(tmp_path)
    task = HarnessTask(("odd", "gqa"), pythons=parse_pythons([python]))
    told = evaluate_with_harness(BASE, task, out=tmp_path / "scores")
    odd = told["results"][0]["tasks"]["odd"]
    assert (odd["value"], odd["score"], odd["count"]) == (412.0, None, 8)
    assert source_row(tmp_path / "scores") == {"GQA": 62.5}
    assert [share(value) for value in (0.5, 50.0, 101.0, -1.0)] == [0.5, 0.5, None, None]


def test_lmms_eval_ends_with_0_after_an_error_and_its_reason_is_told(tmp_path: Path) -> None:
    python, _ = stand_in(tmp_path, fails="Tasks not found: xyz")

    with pytest.raises(EvaluationError, match=r"^lmms-eval failed: Tasks not found: xyz\.$"):
        evaluate_with_harness(
            BASE, HarnessTask(("xyz",), pythons=parse_pythons([python])), out=tmp_path / "scores"
        )
    assert not (tmp_path / "scores").exists()


def test_an_environment_without_adamms_is_told(tmp_path: Path) -> None:
    python, _ = stand_in(tmp_path, fails="Model 'adamms' not found in available models: llava, qwen2_vl")

    with pytest.raises(EvaluationError, match=r"adamms is not installed in lmms-eval's environment: `.*pip"):
        evaluate_with_harness(BASE, HarnessTask(("gqa",), pythons=parse_pythons([python])))


def test_a_harness_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="is no python that can be run"):
        lmms_eval_environment(str(tmp_path / "nothing"))
    with pytest.raises(EvaluationError, match="Name the python of your VLMEvalKit environment"):
        vlmevalkit_environment()
    with pytest.raises(EvaluationError, match=r"--include-path .* is not a folder"):
        draw_inputs(["mme"], tmp_path, samples=1, seed=0, include_path=tmp_path / "x", python=sys.executable)
    with pytest.raises(EvaluationError, match="Name either tasks"):
        evaluate_with_harness(BASE, HarnessTask())
    with pytest.raises(EvaluationError, match="Boom failed: no such thing"):
        Environment("Boom", sys.executable).run(
            ["-c", "raise ValueError('no such thing')"], log=tmp_path / "log"
        )


def test_results_that_are_damaged_are_told(tmp_path: Path) -> None:
    (tmp_path / "a_results.json").write_text("{")
    with pytest.raises(EvaluationError, match="cannot be read"):
        lmms_eval_scores(tmp_path / "a_results.json")
    (tmp_path / "a_results.json").write_text('{"results": {}}')
    with pytest.raises(EvaluationError, match="no scores"):
        lmms_eval_scores(tmp_path / "a_results.json")


def test_a_search_has_inputs_of_one_kind() -> None:
    benchmark = {"tasks": ["mme"]}
    recipe = make_recipe(base="a", donor="b", search={"benchmark": benchmark})
    assert recipe.search is not None
    assert recipe.search.benchmark is not None
    assert recipe.search.benchmark.tasks == ("mme",)
    for search in ({}, {"inputs": "x.jsonl", "benchmark": benchmark}, {"benchmark": {"tasks": []}}):
        with pytest.raises(RecipeError):
            make_recipe(base="a", donor="b", search=search)
