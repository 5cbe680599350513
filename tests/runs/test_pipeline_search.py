"""Whole searches on the shipped pair: the run directory, resuming, and what bad input gets."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import adamms
from adamms.errors import AdaMMSError, OutputError, RecipeError, SearchError
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
SMALL = {"alphas": "0:0.6:0.2", "samples": 12, "max_new_tokens": 4, "exhaustive": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("search") / "run"
    return adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, out, **SMALL).path


def selection_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "selection.json").read_text())
    return found


def nearly(value: Any) -> Any:
    """JSON with room for the last digits of probabilities, which other batches and threads move."""
    if isinstance(value, dict):
        return {key: nearly(each) for key, each in value.items()}
    if isinstance(value, list):
        return [nearly(each) for each in value]
    return pytest.approx(value, abs=1e-5) if isinstance(value, float) else value


def test_the_chosen_candidate_is_what_merge_writes(run: Path, tmp_path: Path) -> None:
    selected = json.loads((run / "selection.json").read_text())["selected"]
    merged = adamms.merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=selected).path
    assert (merged / "model.safetensors").read_bytes() == (run / "merged" / "model.safetensors").read_bytes()


def test_only_the_chosen_candidate_is_on_disk(run: Path) -> None:
    assert [path.parent.name for path in run.rglob("*.safetensors")] == ["merged"]
    assert not list(run.parent.glob(".*"))


def test_every_candidate_can_be_kept(run: Path, tmp_path: Path) -> None:
    kept = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", keep_all=True, **SMALL).path
    names = sorted(path.name for path in (kept / "candidates").iterdir())
    assert names == ["alpha=0.00", "alpha=0.20", "alpha=0.40", "alpha=0.60"]
    base = (PAIR.base / "model.safetensors").read_bytes()
    assert (kept / "candidates" / "alpha=0.00" / "model.safetensors").read_bytes() == base


def test_a_run_repeats_from_its_recipe_to_the_same_bytes(run: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "adamms",
        "run",
        str(run / "recipe.yaml"),
        "--out",
        str(tmp_path / "again"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for name in ("mapping.json", "recipe.yaml", "merged/model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    assert selection_of(tmp_path / "again") == nearly(selection_of(run))


def test_select_and_report_work_on_a_run(run: Path) -> None:
    command = [sys.executable, "-m", "adamms", "select", str(run), "--json"]
    chosen = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert chosen["selected"] == json.loads((run / "selection.json").read_text())["selected"]
    page = (run / "report.html").read_text()
    (run / "report.html").unlink()
    subprocess.run([sys.executable, "-m", "adamms", "report", str(run)], check=True, capture_output=True)
    assert (run / "report.html").read_text() == page


def test_any_signal_can_choose_and_all_are_reported(run: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "adamms",
        "select",
        str(run),
        "--rule",
        "confidence",
        "--gated",
        "--signals",
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    for name in ("sum", "weighted-vote", "confidence", "first-token-entropy"):
        assert f"{name} " in told
    selection = json.loads((run / "selection.json").read_text())
    assert selection["rule"] == "witnesses"
    assert selection["certainty"] in ("clear", "close", "undecided", "do-not-merge")
    assert selection["fallback"] is None
    assert [each["name"] for each in selection["signals"]][:3] == ["witnesses", "sum", "any"]
    by_name = {each["name"]: each for each in selection["signals"]}
    assert by_name["witnesses"]["selected"] == selection["selected"]
    assert all(each["score"] is not None for each in by_name["confidence"]["scores"])
    assert by_name["confidence"]["cost"] == "log-probabilities"


def test_answers_in_the_inputs_give_accuracies_that_the_choice_never_sees(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in PAIR.inputs.read_text().splitlines()[:12]]
    for line in lines:
        line["image"] = str(PAIR.inputs.parent / line["image"])
    plain, labelled = tmp_path / "plain.jsonl", tmp_path / "labelled.jsonl"
    plain.write_text("\n".join(json.dumps(line) for line in lines))
    labelled.write_text("\n".join(json.dumps({**line, "answer": "yes"}) for line in lines))
    results = [
        adamms.search(PAIR.base, PAIR.donor, inputs, tmp_path / inputs.stem, **SMALL)
        for inputs in (plain, labelled)
    ]
    assert results[0].selection == results[1].selection
    assert results[0].accuracy is None
    assert sorted(results[1].accuracy or {}) == [0, 0.2, 0.4, 0.6]


def test_a_killed_search_leaves_no_output_and_resumes_without_asking_twice(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    work = tmp_path / ".run.adamms-partial"
    options = ["--alphas", "0:0.6:0.2", "--samples", "12", "--max-new-tokens", "4", "--exhaustive"]
    donor = Path(shutil.copytree(PAIR.donor, tmp_path / "donor"))
    models = [str(PAIR.base), str(donor), "--inputs", str(PAIR.inputs)]
    command = [sys.executable, "-m", "adamms", "search", *models, *options, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((work / "responses").glob("*.jsonl")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not out.exists()
    kept = {file.name: file.read_text() for file in (work / "responses").glob("*.jsonl")}

    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    other = subprocess.run([*command, "--resume", "--seed", "5"], capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert "search.seed (was 0, now 5)" in " ".join(other.stderr.split())
    config = (donor / "config.json").stat()
    (donor / "config.json").touch()
    changed = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert changed.returncode == 2
    assert f"{donor / 'config.json'} has changed" in " ".join(changed.stderr.split())
    os.utime(donor / "config.json", ns=(config.st_atime_ns, config.st_mtime_ns))

    subprocess.run([*command, "--resume"], check=True, capture_output=True, timeout=300)
    assert selection_of(out) == nearly(selection_of(run))
    for name, text in kept.items():
        finished = (out / "responses" / name).read_text()
        whole = text[: text.rfind("\n") + 1]
        assert finished.startswith(whole)
        assert len(finished.splitlines()) == 12
    assert not work.exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_search_stopped_at_any_moment_leaves_no_output(tmp_path: Path, signum: signal.Signals) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "adamms", "demo", "--out", str(out)]
    rng = random.Random(signum)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 9))
        process.send_signal(signum)
        code = process.wait(timeout=120)
        if out.exists():
            assert (out / "selection.json").exists()
            assert (out / "merged" / "adamms.json").exists()
            out.rename(tmp_path / f"whole-{os.urandom(4).hex()}")
        elif signum == signal.SIGINT:
            assert code in (130, -signum)


def test_mistakes_are_said_before_a_model_is_loaded(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    fake = tmp_path / "fake.jsonl"
    (tmp_path / "fake.png").write_text("not a picture")
    fake.write_text('{"image": "fake.png", "prompt": "What?"}\n')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    for inputs, out, options, error, said in (
        (empty, "run", {}, SearchError, "is empty"),
        (fake, "run", {}, SearchError, "is not an image"),
        (tmp_path / "none.jsonl", "run", {}, SearchError, "does not exist"),
        (PAIR.inputs, "mine", {}, OutputError, "not an output of ours"),
        (PAIR.inputs, "run", {"alphas": "0:0.1:0.1"}, SearchError, "at least 3"),
        (PAIR.inputs, "run", {"alphas": "0:2:0.5"}, SearchError, "from 0"),
        (PAIR.inputs, "run", {"samples": 0}, RecipeError, r"^samples: "),
        (PAIR.inputs, "run", {"rule": "best"}, RecipeError, r"^rule: "),
        (PAIR.inputs, "run", {"rule": "sum", "gated": True}, SearchError, "ends all"),
        (
            PAIR.inputs,
            "run",
            {"samples": 20, "repeats": 3, "subset": 21},
            SearchError,
            "subset is from 1 to 20, repeats from 1 to 10000",
        ),
        (
            PAIR.inputs,
            "run",
            {"metric": "embedding", "embedding_model": "/no"},
            SearchError,
            "embedding",
        ),
        (PAIR.inputs, "run", {"colour": "red"}, TypeError, "colour"),
        (PAIR.inputs, "run", {"device": "abacus"}, AdaMMSError, "abacus"),
    ):
        with pytest.raises(error, match=said):
            adamms.search(PAIR.base, PAIR.donor, inputs, tmp_path / out, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "empty.jsonl",
        "fake.jsonl",
        "fake.png",
        "mine",
    ]
