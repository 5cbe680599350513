"""Plans: what a run will take, against arithmetic by hand on real layouts and what runs then asked."""

import json
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest

import adamms
from adamms.adapters import open_model
from adamms.recipes.recipe import recipe_of
from adamms.runs.model_size import ModelSize, pictures
from adamms.runs.planning import plan_run
from adamms.zoo import shipped_pair
from layouts import BYTES, models, read_layout, write_layout

PAIR = shipped_pair()
QWEN, LLAVA = "Qwen/Qwen2-VL-7B-Instruct", "llava-hf/llava-onevision-qwen2-7b-ov-hf"


def command_line(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def questions(folder: Path, count: int) -> Path:
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"What is {n}?"}) + "\n" for n in range(count)))
    return file


def searched(base: Path, donor: Path, inputs: Path, **options: object) -> dict[str, object]:
    options = {"vocabulary": "rows", "dtype": None, **options}
    recipe = recipe_of(base, donor, search=True, inputs=str(inputs), **options)
    return plan_run(recipe).to_json()


@pytest.mark.parametrize("model", models())
def test_a_model_is_measured_from_its_header(model: str, tmp_path: Path) -> None:
    tensors = read_layout(model)[1].values()
    with open_model(write_layout(tmp_path, model)) as checkpoint:
        size = ModelSize.of(checkpoint)
    assert size.stored_bytes == sum(prod(shape) * BYTES[dtype] for shape, dtype in tensors)
    assert size.parameters == sum(prod(shape) for shape, _ in tensors)
    assert 0 < size.active < size.parameters


@pytest.mark.parametrize(
    ("model", "tokens", "patches"),
    [
        (QWEN, 256, 1024),  # (448 / 28)^2, four patches a token
        ("Qwen/Qwen3-VL-8B-Instruct", 196, 784),  # (448 / 32)^2
        ("llava-hf/llava-1.5-7b-hf", 576, 576),  # (336 / 14)^2
        ("OpenGVLab/InternVL3-8B", 256, 1024),  # (448 / 14)^2 / 4
        ("THUDM/cogvlm-chat-hf", 1225, 1225),  # (490 / 14)^2
    ],
)
def test_a_picture_becomes_as_many_tokens_as_its_config_says(
    model: str, tokens: int, patches: int, tmp_path: Path
) -> None:
    with open_model(write_layout(tmp_path, model)) as checkpoint:
        assert pictures(checkpoint, (448, 448)) == (tokens, patches)


def test_a_7b_pair_by_hand(tmp_path: Path) -> None:
    base, donor = write_layout(tmp_path, QWEN), write_layout(tmp_path, LLAVA)
    plan = searched(base, donor, questions(tmp_path, 100))
    parameters = 8_291_375_616
    assert plan["candidates"] == 7
    assert plan["inputs"] == 100
    # Both parents; 25 inputs read by five candidates at most, and answered by the best.
    assert plan["passes"] == pytest.approx(2 + 6 * 25 / 100)
    assert plan["download_bytes"] == 0
    assert 2 * parameters < plan["disk_bytes"] < 2 * parameters + 1_000_000
    # float32, a twentieth for keys and values, and the libraries.
    assert plan["memory_per_worker_bytes"] == pytest.approx(4 * parameters * 1.05 + 700 * 2**20, rel=1e-6)
    assert plan["gpus_per_model"] == 1
    assert searched(base, donor, questions(tmp_path, 100), keep_all=True)["disk_bytes"] == pytest.approx(
        8 * plan["disk_bytes"]
    )


def test_a_34b_model_needs_two_gpus_of_80_gb(tmp_path: Path) -> None:
    base, donor = (
        write_layout(tmp_path, "nyu-visionx/cambrian-34b"),
        write_layout(tmp_path, "01-ai/Yi-VL-34B"),
    )
    plan = searched(
        base,
        donor,
        questions(tmp_path, 3),
        command=f"{sys.executable} answer.py {{model}} {{inputs}} {{outputs}}",
    )
    # 69.5 GB, of which .85 x 80 fit into one.
    assert plan["gpus_per_model"] == 2
    assert plan["seconds"] is None


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({"exhaustive": True}, 8),  # the donor and seven candidates, one of which is the base
        ({"rule": "sum"}, 7),
        ({"exhaustive": True, "alphas": "0.1,0.2,0.3"}, 5),  # the base by itself
        ({"exhaustive": True, "no_donor": True}, 8),  # alpha 1 in the base's body
        ({"alphas": "0,0.3,0.6"}, 2 + 4 * 12 / 12),  # three read, and the best answers
    ],
)
def test_passes_by_hand(options: dict[str, object], passes: float, tmp_path: Path) -> None:
    plan = searched(PAIR.base, PAIR.donor, questions(tmp_path, 12), vocabulary="tokens", **options)
    assert plan["passes"] == pytest.approx(passes)


def test_a_run_asks_what_its_plan_says(tmp_path: Path) -> None:
    options = {"alphas": "0:0.6:0.2", "samples": 5, "exhaustive": True}
    recipe = recipe_of(PAIR.base, PAIR.donor, search=True, inputs=str(PAIR.inputs), **options)
    plan = plan_run(recipe)
    run = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", max_new_tokens=2, **options)
    files = (run.path / "responses").glob("*.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) == sum(entry.inputs for entry in plan.asked) == 25
    assert plan.seconds is not None
    assert plan.seconds > 0
    assert plan.prompt_tokens > 1
    written = sum(file.stat().st_size for file in (run.path / "merged").glob("*.safetensors"))
    assert written < plan.disk_bytes < written + 5_000_000


def test_the_command_line_prints_a_plan_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    verb = ("merge", PAIR.base, PAIR.donor, "--alpha", 0.3, "--out", out)
    plan = json.loads(command_line(*verb, "--plan", "--json").stdout)
    assert {"candidates", "inputs", "passes", "download_bytes", "disk_bytes", "seconds"} <= set(plan)
    assert {"memory_per_worker_bytes", "gpus_per_model"} <= set(plan)
    assert plan["passes"] == 0
    assert len(command_line(*verb, "--dry-run").stdout.splitlines()) == 4
    assert not list(tmp_path.iterdir())


def test_a_real_run_says_it_in_four_lines_before_it_begins(tmp_path: Path) -> None:
    result = command_line("merge", PAIR.base, PAIR.donor, "--alpha", 0.3, "--out", tmp_path / "out")
    lines = result.stderr.splitlines()
    assert [line.startswith("adamms: Plan: ") for line in lines[:5]] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--inputs", "nowhere.jsonl", "--plan"), "nowhere.jsonl"),
        (("--inputs", PAIR.inputs), "No output folder is named"),
        (("--inputs", PAIR.inputs, "--plan", "--alphas", "2"), "alpha"),
    ],
)
def test_bad_input_is_a_sentence(arguments: tuple[object, ...], sentence: str) -> None:
    result = command_line("search", PAIR.base, PAIR.donor, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
