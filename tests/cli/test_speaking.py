"""What the verbs say: verdict first, notes once, what to type next, and as much as is wanted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adamms.zoo import shipped_pair

PAIR = shipped_pair()
MODELS = (PAIR.base, PAIR.donor)
SMALL = ("--samples", 6, "--max-new-tokens", 4, "--alphas", "0,0.3,0.6")


def adamms(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    run = tmp_path_factory.mktemp("searched") / "run"
    result = adamms("search", *MODELS, "--inputs", PAIR.inputs, "--out", run, "--exhaustive", *SMALL)
    assert result.returncode == 0, result.stderr
    return run, result


def test_a_search_begins_with_its_verdict_and_ends_with_what_to_type_next(
    searched: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    run, result = searched
    verdict = json.loads((run / "selection.json").read_text())["verdict"]
    printed = " ".join(result.stdout.split())
    assert printed.startswith(verdict)
    assert "Candidates: their scores by the rule witnesses" in printed[len(verdict) :]
    assert "Other signals: " in printed
    assert "Signals side by side" not in printed
    lines = result.stderr.splitlines()
    assert f"next: adamms verify {run / 'merged'}" in result.stderr
    # A word while a model loads, and nothing twice.
    assert [line for line in lines if "Loading" in line] == [
        "adamms: Loading llava-onevision (2.14 MB).",
        "adamms: Loading qwen2-vl (1.95 MB).",
    ]
    assert len(dict.fromkeys(lines)) == len(lines)
    notes = [line for line in result.stdout.splitlines() if line.startswith("Note: ")]
    assert len(dict.fromkeys(notes)) == len(notes)


def test_the_other_signals_are_counted_in_a_line_and_shown_in_a_table(
    searched: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    run, _ = searched
    selection = json.loads((run / "selection.json").read_text())
    others = [
        signal["selected"]
        for signal in selection["signals"]
        if signal["name"] != "witnesses" and signal["selected"] is not None
    ]
    agreeing = others.count(selection["selected"])
    printed = " ".join(adamms("select", run).stdout.split())
    assert f"Other signals: {agreeing} of {len(others)} agree" in printed
    table = adamms("select", run, "--signals").stdout
    assert "Signals side by side" in table
    assert "Other signals" not in table


def test_true_answers_choose_only_where_they_are_asked_to(
    searched: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = searched
    shown = adamms("select", run, "--rule", "sum", "--answers", PAIR.answers)
    assert "(not used)" in shown.stdout
    chosen = json.loads(adamms("select", run, "--labels", "--answers", PAIR.answers, "--json").stdout)
    assert chosen["rule"] == "labels"
    # The inputs of this run hold none.
    lacking = adamms("select", run, "--labels")
    assert lacking.returncode == 2
    assert 'has an "answer"' in lacking.stderr
    stray = adamms("select", run, "--labels", PAIR.answers)
    assert stray.returncode == 2
    assert "name it with --answers" in stray.stderr


def test_quiet_says_results_and_errors_alone(tmp_path: Path) -> None:
    for place in (("-q", "merge"), ("merge", "-q")):
        result = adamms(*place, *MODELS, "--alpha", 0.3, "--out", tmp_path / place[0])
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.strip() == str(tmp_path / place[0])
    failed = adamms("merge", "-q", *MODELS, "--alpha", 0.3, "--out", tmp_path / "merge")
    assert failed.returncode == 2
    assert "--overwrite" in failed.stderr


def test_verify_knows_at_once_that_a_folder_is_missing_and_takes_a_run(
    searched: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = searched
    code = (
        "import sys; from adamms.cli import main\n"
        "try: main()\nexcept SystemExit as end: code = end.code\n"
        "print(code, 'torch' in sys.modules)"
    )
    missing = [sys.executable, "-c", code, "verify", str(run.with_name("rum"))]
    result = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert result.stdout == "2 False\n"
    assert f"There is no folder {run.with_name('rum')}. Did you mean {run}?" in result.stderr
    assert "not a merged model of ours" in adamms("verify", tmp_path).stderr
    whole = adamms("verify", run, "--json")
    assert json.loads(whole.stdout)["ok"], whole.stdout


def test_one_method_is_shown_with_a_command() -> None:
    shown = adamms("methods", "ties").stdout
    assert shown.startswith("ties: ")
    assert "linear: " not in shown
    assert "adamms merge BASE DONOR --method ties --pretrained LLM" in shown
    assert json.loads(adamms("methods", "ties", "--json").stdout)["name"] == "ties"
    assert "did you mean ties?" in adamms("methods", "tise").stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--alpha", "attention=0.4,mlp=0.2"), 'Did you mean --alpha "attention=0.4;mlp=0.2"?'),
        (("--alpha", "*.foo=0.4"), "no tensor of the base fits '*.foo', its only entry"),
        (("--alpha", "atention=0.4"), "Did you mean attention?"),
        (("--alpha", "2"), "--alpha: alpha must be a number from 0 to 1"),
        (
            ("--alpha", "0.3", "--method", "tise"),
            "--method: There is no merge method 'tise'; did you mean ties?",
        ),
        (("--alpha", "0.3", "--set", "normalise=true"), "did you mean normalize?"),
        (("--alpha", "0.3", "--dtype", "float8"), "'float8' is not one of 'bfloat16', 'float16', 'float32'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_mistyped_is_guessed(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = adamms("merge", *MODELS, *options, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_key_in_an_edited_mapping_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    assert adamms("map", *MODELS, "--save", file).returncode == 0
    saved = json.loads(file.read_text())
    entry = saved["tensors"]["model.norm.weight"]
    for name, edited in (
        ("segmnets", {**saved, "tensors": {"model.norm.weight": {"segmnets": entry["segments"]}}}),
        ("tensor", {**saved, "tensor": {}}),
    ):
        file.write_text(json.dumps(edited))
        result = adamms("merge", *MODELS, "--alpha", 0.3, "--mapping", file, "--out", tmp_path / "out")
        assert result.returncode == 2
        assert (
            f"unknown key '{name}'. Did you mean {'segments' if 'seg' in name else 'tensors'}?"
            in result.stderr
        )


def test_an_unknown_key_of_a_recipe_is_guessed_or_told_where_it_stands(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("base: a\ndonor: b\nserach: {}\nmerge: {aplha: 0.3}\nalphas: 0:1:0.1\n")
    message = adamms("run", recipe).stderr
    assert "line 3: serach: unknown key. Did you mean search?" in message
    assert "line 4: merge.aplha: unknown key. Did you mean alpha?" in message
    assert "line 5: alphas: unknown key; it stands under search." in message
