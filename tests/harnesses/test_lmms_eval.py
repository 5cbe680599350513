"""lmms-eval, run for real and offline on a local parquet task; skipped where its environment is not built.

Its scores must be those of the same answers scored by hand, and its answers those of the written merge.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adamms import merge
from adamms.answering.engine import EngineOptions
from adamms.evaluation.answering import answer
from adamms.responses import read_inputs, read_responses
from adamms.zoo import shipped_pair

NUMBER = 24
"""Questions of the local task, as in `conftest.py`."""
PAIR = shipped_pair()
INSIDE = Path(__file__).parent / "inside_lmms_eval.py"


def run(*command: object, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=variables,
    )


def adamms(*arguments: object, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "adamms", *arguments, variables=variables)


def true_answers() -> list[str]:
    true = PAIR.true_answers()
    return [true[example.id] for example in read_inputs(PAIR.inputs)[:NUMBER]]


def by_hand(said: list[str]) -> float:
    return sum(a.lower() == b.lower() for a, b in zip(said, true_answers(), strict=True)) / NUMBER


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merge(PAIR.base, PAIR.donor, tmp_path_factory.mktemp("merge") / "merged", alpha=0.2).path


@pytest.fixture(scope="module")
def said(merged: Path) -> list[str]:
    """What the written merge answers when we ask it."""
    examples = read_inputs(PAIR.inputs)[:NUMBER]
    engine = EngineOptions(max_new_tokens=8, device="cpu")
    found = {each.id: each.response for each in answer(str(merged), examples, engine=engine)}
    return [found[each.id] for each in examples]


def test_a_merge_that_is_nowhere_written_scores_as_by_hand(
    lmms_eval_python: Path, tasks: Path, offline: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    done = run(
        *(lmms_eval_python, "-m", "lmms_eval", "--model", "adamms"),
        *("--model_args", f"base={PAIR.base},donor={PAIR.donor},alpha=0.2,device=cpu"),
        *("--tasks", "small_vqa", "--include_path", tasks, "--batch_size", 8),
        *("--output_path", tmp_path, "--log_samples"),
        variables=offline,
    )

    (results,) = tmp_path.rglob("*_results.json")
    score = json.loads(results.read_text())["results"]["small_vqa"]["exact_match,none"]
    assert score == pytest.approx(by_hand(said)), done.stdout[-2000:]
    assert 0 < score <= 1
    # The alpha is known from the recorded arguments.
    logged = read_responses(tmp_path)
    assert list(logged) == [0.2]
    assert [logged[0.2][f"small_vqa:{index}"].response for index in range(NUMBER)] == said
    assert not any(tmp_path.rglob("*.safetensors"))


def test_eval_runs_it_and_table_reads_what_it_left(
    lmms_eval_python: Path,
    tasks: Path,
    offline: dict[str, str],
    merged: Path,
    said: list[str],
    tmp_path: Path,
) -> None:
    out = tmp_path / "scores"
    done = adamms(
        *("eval", merged, "--task", "small_vqa", "--include-path", tasks, "--device", "cpu"),
        *("--harness-python", lmms_eval_python, "--out", out, "--json"),
        variables=offline,
    )

    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["alpha"] == 0.2
    assert result["tasks"]["small_vqa"]["score"] == pytest.approx(by_hand(said))
    assert result["tasks"]["small_vqa"]["count"] == NUMBER
    assert json.loads((out / "scores.json").read_text())["results"] == [result]
    table = adamms("table", f"a={out}", f"b={out}", "--json", variables=offline)
    assert json.loads(table.stdout)["rows"]["a"]["scores"] == [pytest.approx(100 * by_hand(said))]
    # What lmms-eval logged can be chosen from: the alpha is that of the model it was given.
    assert list(read_responses(out)) == [0.2]


def test_a_task_that_is_not_there_is_said_in_a_sentence(
    lmms_eval_python: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    done = adamms(
        *("eval", PAIR.base, "--task", "nosuchtask", "--out", tmp_path / "out"),
        *("--harness-python", lmms_eval_python),
        variables=offline,
    )

    assert done.returncode == 2
    assert "lmms-eval failed: Tasks not found: nosuchtask" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_search_draws_its_inputs_from_a_task(
    lmms_eval_python: Path, tasks: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = adamms(
        *("search", PAIR.base, PAIR.donor, "--task", "small_vqa", "--include-path", tasks),
        *("--harness-python", lmms_eval_python, "--samples", 6, "--seed", 3, "--alphas", "0:0.4:0.2"),
        *("--max-new-tokens", 4, "--device", "cpu", "--exhaustive", "--out", out, "--json"),
        variables=offline,
    )

    assert done.returncode == 0, done.stderr
    drawn = read_inputs(out / "inputs" / "inputs.jsonl")
    assert len(drawn) == json.loads(done.stdout)["samples"] == 6
    assert all(each.answer is None for each in drawn)
    source = read_inputs(PAIR.inputs)
    for each in drawn:
        number = int(each.id.removeprefix("small_vqa:"))
        assert each.prompt == source[number].prompt
        (image,), (original,) = each.images, source[number].images
        assert pixels(image) == pixels(original)
    assert list(read_responses(out)) == [0.0, 0.2, 0.4]


def pixels(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def test_the_papers_suite_says_of_each_benchmark_why_it_cannot_be_had(
    lmms_eval_python: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    done = adamms(
        *("eval", PAIR.base, "--suite", "paper", "--out", tmp_path / "out"),
        *("--harness-python", f"lmms-eval={lmms_eval_python}"),
        variables=offline,
    )

    assert done.returncode == 2
    told = done.stderr
    for name in ("OKVQA (lmms-eval)", "GQA (lmms-eval)", "VizWiz_val (lmms-eval)"):
        assert f"adamms: {name}: The data of" in told
    # The paper measured the rest with VLMEvalKit where the base is Qwen2-VL.
    for name in ("MMMU_val", "MME_sum", "SeedBench_all", "OCRBench", "TextVQA_val", "ScienceQA"):
        assert f"adamms: {name} (vlmevalkit): Name the python of your VLMEvalKit environment" in told
    assert "None of the suite's benchmarks could be measured" in told.splitlines()[-1]


def test_the_model_class_itself(lmms_eval_python: Path, offline: dict[str, str]) -> None:
    done = run(lmms_eval_python, INSIDE, variables=offline)

    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    for name in ("qwen2-vl-llava-onevision", "cogvlm-mplug_owl2", "mplug_owl2-cogvlm"):
        assert told[name]["together"] == told[name]["alone"]
        assert all(told[name]["together"])
    first = told["mplug_owl2-cogvlm"]["together"][0]
    assert told["until"] == first[: first.index(first[1])].strip()
    assert told["limit"] == 1
    assert "asks for likelihoods" in told["loglikelihood"]
    assert "several rounds" in told["rounds"]
    assert "shows a str (a video or sound)" in told["video"]
    assert "given back already" in told["cleaned"]


def test_the_prompt_of_table_7_becomes_a_task_of_its_own(
    lmms_eval_python: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    from adamms.evaluation.harness_process import PROGRAMS
    from adamms.evaluation.suite import PAPER

    (benchmark,) = (each for each in PAPER if each.name == "OKVQA")
    text = benchmark.prompt_for("llava")
    program = PROGRAMS / "lmms_eval_tasks.py"
    done = run(
        *(lmms_eval_python, program, "alter", "--tasks", "ok_vqa_val2014", "--name", "ok_vqa_altered"),
        *("--prompt", text, "--out", tmp_path),
        variables=offline,
    )
    assert done.returncode == 0, done.stderr
    read = (
        "import json; from lmms_eval.tasks import TaskManager; "
        f"config = TaskManager('ERROR', include_path={str(tmp_path)!r})._get_config('ok_vqa_altered'); "
        "doc = {'question': 'What?'}; kwargs = config['lmms_eval_specific_kwargs']['default']; "
        "print(json.dumps([config['dataset_path'], config['doc_to_text'](doc, kwargs)]))"
    )
    told = run(lmms_eval_python, "-c", read, variables=offline)
    assert json.loads(told.stdout.splitlines()[-1]) == [benchmark.data, f"What?{text}"]
