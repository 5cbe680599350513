"""Whole searches answered by another program: their run directories, and resuming them."""

import json
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import adamms
from adamms.errors import RecipeError
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
SMALL = {"alphas": "0:0.6:0.2", "samples": 10, "max_new_tokens": 4}
ANSWER = """
import json, sys
from pathlib import Path
model, inputs, outputs = sys.argv[1:4]
size = sum(file.stat().st_size for file in Path(model).glob("*.safetensors"))
alpha = float(sys.argv[4])
if alpha == float(sys.argv[5]) and not Path(sys.argv[6]).exists():
    sys.exit("the program's own fault")
with open(outputs, "w") as out:
    for line in open(inputs):
        asked = json.loads(line)
        assert size and all(Path(image).exists() for image in asked["image"])
        text = "even" if (len(asked["prompt"]) + round(alpha * 10)) % 4 else "odd"
        out.write(json.dumps({"id": asked["id"], "response": text}) + "\\n")
        out.flush()
"""


def lines_of(run: Path) -> dict[str, list[str]]:
    return {file.name: file.read_text().splitlines() for file in sorted((run / "responses").glob("*.jsonl"))}


def selection_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "selection.json").read_text())
    return found


def test_what_was_asked_is_noted_until_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as last:
        last.setattr("adamms.reports.page.build_report", stopped)
        with pytest.raises(KeyboardInterrupt):
            adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", **SMALL)
    assert (tmp_path / ".run.adamms-partial" / "asked.json").exists()
    run = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", resume=True, **SMALL).path
    assert not (run / "asked.json").exists()


def test_resident_parents_give_the_same_answers(tmp_path: Path) -> None:
    found = []
    for parents in ("mapped", "resident"):
        run = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / parents, parents=parents, **SMALL)
        found.append(lines_of(run.path))
    assert found[0] == found[1]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A search whose answers another program gives; it fails at alpha 0.4 until a file says go."""
    script = tmp_path / "answer.py"
    script.write_text(ANSWER)
    words = shlex.join([sys.executable, str(script), "{model}", "{inputs}", "{outputs}", "{alpha}"])
    words += f" 0.4 {tmp_path / 'go'}"
    return [
        *(sys.executable, "-m", "adamms", "search", str(PAIR.base), str(PAIR.donor)),
        *("--inputs", str(PAIR.inputs), "--out", str(tmp_path / "run"), "--command", words),
        *("--alphas", "0:0.6:0.2", "--samples", "10", "--rule", "sum"),
    ]


def test_another_program_answers_and_may_fail_on_the_way(command: list[str], tmp_path: Path) -> None:
    failed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert failed.returncode == 2
    assert "failed for alpha 0.4 with exit code 1: the program's own fault." in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "run").exists()
    work = tmp_path / ".run.adamms-partial"
    before = lines_of(work)
    assert [len(answered) for answered in before.values()] == [10, 10]
    assert not list((work / "scratch").rglob("*.safetensors"))

    other = subprocess.run([*command, "--resume", "--seed", "5"], capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert "search.seed (was 0, now 5)" in " ".join(other.stderr.split())
    (tmp_path / "go").touch()
    subprocess.run([*command, "--resume"], check=True, capture_output=True, timeout=120)
    run = tmp_path / "run"
    assert [len(answered) for answered in lines_of(run).values()] == [10] * 4
    assert {name: lines_of(run)[name] for name in before} == before
    assert [path.parent.name for path in run.rglob("*.safetensors")] == ["merged"]
    assert not (run / "scratch").exists()


def test_a_command_is_asked_for_the_base_as_well(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    subprocess.run([*command, "--set", "base_weight=0.5"], check=True, capture_output=True, timeout=120)
    run = tmp_path / "run"
    said = {name: [json.loads(line)["response"] for line in lines] for name, lines in lines_of(run).items()}
    assert said["base.jsonl"] == said["alpha=0.00.jsonl"]
    assert set(said["base.jsonl"]) <= {"even", "odd"}
    assert not (run / "scratch").exists()


def test_a_search_by_command_that_is_killed_loses_what_was_in_flight(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    draw = random.Random(3)
    work = tmp_path / ".run.adamms-partial"
    asked: dict[str, list[str]] = {}
    for _ in range(3):
        process = subprocess.Popen(
            [*command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not list(work.glob("responses/*.jsonl")):
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 1))
        process.kill()
        process.wait()
        if (tmp_path / "run").exists():
            break
        now = lines_of(work)
        for name, answered in asked.items():
            assert now[name][: len(answered)] == answered
        asked = {name: answered[:-1] for name, answered in now.items()}
    if not (tmp_path / "run").exists():
        subprocess.run([*command, "--resume"], check=True, capture_output=True, timeout=120)
    assert [len(answered) for answered in lines_of(tmp_path / "run").values()] == [10] * 4


def test_a_command_is_checked_with_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"where \{model\} goes"):
        adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", command="python answer.py")
