"""Whole searches by several workers: what comes of them is what one process makes of them, whoever dies."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

import adamms
import tiny_models
from adamms.errors import RecipeError
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
MARK = "ADAMMS_TEST_MARK"


def command(out: Path, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "adamms", "search", str(PAIR.base), str(PAIR.donor)),
        *("--inputs", str(PAIR.inputs), "--out", str(out), "--samples", "40", *options),
    ]


def marked(mark: str) -> list[int]:
    """The processes that run with this mark in their environment, whoever started them."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                pids.append(int(entry.name))
        except OSError:
            continue
    return pids


def answers(run: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((run / "responses").iterdir())}


@pytest.mark.parametrize("options", [["--pretrained", str(PAIR.pretrained)], ["--exhaustive"]], ids=str)
def test_workers_choose_what_one_process_chooses_though_one_is_killed(
    options: list[str], tmp_path: Path
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    mark = uuid.uuid4().hex
    subprocess.run(command(alone, *options), check=True, capture_output=True, timeout=300)
    process = subprocess.Popen(
        command(shared, *options, "--workers", "3"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
    )
    partial = tmp_path / ".shared.adamms-partial" / "responses"
    drawn = random.Random(mark)
    while process.poll() is None and not list(partial.glob("*.jsonl")):
        time.sleep(0.01)
    time.sleep(drawn.uniform(0, 0.5))
    if victims := [pid for pid in marked(mark) if pid != process.pid]:
        os.kill(drawn.choice(victims), signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert answers(shared) == answers(alone)
    assert (shared / "selection.json").read_bytes() == (alone / "selection.json").read_bytes()
    assert not marked(mark)
    again = subprocess.run(
        [sys.executable, "-m", "adamms", "select", str(shared), "--json"], check=True, capture_output=True
    )
    assert json.loads(again.stdout) == json.loads((alone / "selection.json").read_text())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_nothing_running_and_goes_on_with_another_number(
    how: signal.Signals, tmp_path: Path
) -> None:
    mark, out = uuid.uuid4().hex, tmp_path / "run"
    partial = tmp_path / ".run.adamms-partial" / "responses"
    process = subprocess.Popen(
        command(out, "--workers", "2", "--exhaustive"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, MARK: mark},
    )
    while process.poll() is None and not list(partial.glob("*.jsonl")):
        time.sleep(0.01)
    process.send_signal(how)
    assert process.wait(timeout=60) in (130, -how)
    deadline = time.monotonic() + 20
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not marked(mark)
    kept = answers(tmp_path / ".run.adamms-partial")
    resumed = command(out, "--workers", "3", "--worker-timeout", "600", "--exhaustive", "--resume")
    subprocess.run(resumed, check=True, capture_output=True, timeout=300)
    for name, lines in kept.items():
        assert set(lines.splitlines()) <= set(answers(out)[name].splitlines())
        assert len(answers(out)[name].splitlines()) == 40


def test_workers_go_by_the_recipe_and_ask_a_stand_in(tmp_path: Path) -> None:
    """A donor that cannot answer is found out by a worker, and alpha 1 stands for it."""
    base = tiny_models.build("qwen2_vl", tmp_path / "base")
    donor = tiny_models.build("qwen2", tmp_path / "donor", seed=1)
    inputs = tmp_path / "inputs.jsonl"
    with inputs.open("w") as file:
        for index in range(6):
            tiny_models.picture(40, 40, seed=index).save(tmp_path / f"{index}.png")
            file.write(json.dumps({"image": f"{index}.png", "prompt": f"Why {index}?"}) + "\n")
    options: dict[str, Any] = {"alphas": "0:0.6:0.2", "max_new_tokens": 4, "force": True}
    alone = adamms.search(base, donor, inputs, tmp_path / "alone", **options).path
    recipe = yaml.safe_load((alone / "recipe.yaml").read_text())
    recipe["search"]["workers"] = 2
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    run = [sys.executable, "-m", "adamms", "run", "recipe.yaml", "--out", "shared"]
    done = subprocess.run(
        run,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        # As many as here, where building small models set torch's.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "alpha 1 in the base's body stands for it" in done.stderr
    assert answers(tmp_path / "shared") == answers(alone)
    assert all(json.loads(line)["stand_in"] for line in answers(alone)["donor.jsonl"].splitlines())


def test_another_program_is_asked_by_workers_too(tmp_path: Path) -> None:
    script = tmp_path / "answer.py"
    script.write_text(
        "import json, sys, pathlib\n"
        "assert list(pathlib.Path(sys.argv[1]).glob('*.safetensors'))\n"
        "for line in open(sys.argv[2]):\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'response': sys.argv[3]}), flush=True)\n"
    )
    words = f"{sys.executable} {script} {{model}} {{inputs}} {{alpha}}"
    run = adamms.search(
        PAIR.base,
        PAIR.donor,
        PAIR.inputs,
        tmp_path / "run",
        command=words,
        rule="sum",
        alphas="0,0.3,0.6",
        samples=5,
        workers=2,
    ).path
    said = {
        name: {json.loads(line)["response"] for line in lines.splitlines()}
        for name, lines in answers(run).items()
    }
    assert said == {f"alpha={alpha}.jsonl": {alpha} for alpha in ("0.00", "0.30", "0.60")}
    assert not (run / "scratch").exists()


def test_settings_that_do_not_go_together_are_said(tmp_path: Path) -> None:
    for options, said in (
        ({"ray_address": "127.0.0.1:6379"}, "executor ray"),
        ({"workers": 2, "device": "cuda:1"}, "workers take one each"),
        ({"workers": 0}, "^workers: "),
        ({"worker_timeout": 0}, "^worker_timeout: "),
    ):
        with pytest.raises(RecipeError, match=said):
            adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", **options)
