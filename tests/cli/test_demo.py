"""The first command a stranger types, as a real process, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adamms.zoo import shipped_pair

PREFIX = "language_model."


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "run"
    command = [sys.executable, "-m", "adamms", "demo", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_it_says_what_it_does_and_ends_with_where_things_lie(demo: tuple[Path, str]) -> None:
    out, printed = demo
    assert "Qwen2-VL" in printed.splitlines()[0]
    assert "not used" in printed
    assert f"merged model  {out / 'merged'}" in printed
    assert f"report        {out / 'report.html'}" in printed
    assert "from_pretrained" in printed.splitlines()[-1]


def test_it_ends_with_the_verdict_and_how_sure_it_is(demo: tuple[Path, str]) -> None:
    out, printed = demo
    selection = json.loads((out / "selection.json").read_text())
    said = " ".join(printed.split())
    assert selection["certainty"].replace("-", " ").capitalize() in said


def test_the_run_directory_is_as_the_contract_says(demo: tuple[Path, str]) -> None:
    out, _ = demo
    assert {path.name for path in out.iterdir()} >= {
        "recipe.yaml",
        "mapping.json",
        "responses",
        "selection.json",
        "report.html",
        "merged",
        "log.jsonl",
    }
    selection = json.loads((out / "selection.json").read_text())
    assert {"rule", "metric", "samples", "seed", "candidates", "selected", "tied"} <= set(selection)
    assert [each["alpha"] for each in selection["candidates"]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    for candidate in selection["candidates"]:
        assert {"alpha", "differences", "previous", "next", "disqualified"} <= set(candidate)


def test_the_differences_follow_from_the_answers_and_the_choice_from_its_rule(demo: tuple[Path, str]) -> None:
    """Algorithm 1's numbers, counted again from the files; who chooses is the default rule."""
    out, _ = demo
    answers = {}
    for file in sorted((out / "responses").glob("alpha=*.jsonl")):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        answers[float(file.stem.removeprefix("alpha="))] = {each["id"]: each["response"] for each in records}
    alphas = sorted(answers)
    assert len({frozenset(answered) for answered in answers.values()}) == 1
    counts = {
        alphas[i]: sum(
            answers[alphas[i]][id_] != answers[alphas[j]][id_]
            for j in (i - 1, i + 1)
            for id_ in answers[alphas[i]]
        )
        for i in range(1, len(alphas) - 1)
    }
    selection = json.loads((out / "selection.json").read_text())
    assert {
        e["alpha"]: e["differences"] for e in selection["candidates"] if e["differences"] is not None
    } == counts
    own = next(signal for signal in selection["signals"] if signal["name"] == selection["rule"])
    scores = {entry["alpha"]: entry["score"] for entry in own["scores"]}
    assert selection["rule"] == "witnesses"
    assert selection["selected"] == max(scores, key=lambda alpha: (scores[alpha], -alpha))


def test_every_mapped_tensor_is_the_interpolation_and_every_other_the_bases(demo: tuple[Path, str]) -> None:
    out, _ = demo
    pair = shipped_pair()
    alpha = json.loads((out / "selection.json").read_text())["selected"]
    merged, base, donor = (
        load_file(at / "model.safetensors") for at in (out / "merged", pair.base, pair.donor)
    )
    rows = common_rows(pair.base, pair.donor)
    assert len(rows) > 100
    assert list(merged) == list(base)
    changed = 0
    for name, tensor in merged.items():
        expected = base[name].clone()
        theirs = donor.get(PREFIX + name)
        if theirs is not None and name in ("model.embed_tokens.weight", "lm_head.weight"):
            for mine, other in rows:
                expected[mine] = interpolate(base[name][mine], theirs[other], alpha)
        elif theirs is not None:
            expected = interpolate(base[name], theirs, alpha)
        assert tensor.dtype == base[name].dtype
        assert torch.equal(tensor.view(torch.int16), expected.view(torch.int16)), name
        changed += not torch.equal(tensor, base[name])
    assert changed > 40


def test_the_result_loads_with_transformers_alone(demo: tuple[Path, str]) -> None:
    out, _ = demo
    code = (
        "from transformers import AutoModelForImageTextToText as M, AutoTokenizer as T; "
        f"m, info = M.from_pretrained({str(out / 'merged')!r}, output_loading_info=True); "
        f"assert not info['missing_keys'] and not info['unexpected_keys'], info; "
        f"T.from_pretrained({str(out / 'merged')!r}); print(type(m).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == "Qwen2VLForConditionalGeneration", done.stderr


def test_the_result_verifies(demo: tuple[Path, str]) -> None:
    command = [sys.executable, "-m", "adamms", "verify", str(demo[0] / "merged"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_a_second_demo_replaces_the_first_but_nobody_elses_folder(
    demo: tuple[Path, str], tmp_path: Path
) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    command = [sys.executable, "-m", "adamms", "demo", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


@pytest.mark.parametrize(("pair", "base", "donor"), [("cogvlm-mplug_owl2", "CogVLM", "mPLUG-Owl2")])
def test_another_pair_is_picked_by_its_name(pair: str, base: str, donor: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adamms", "demo", "--pair", pair, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{base} (base) and {donor} (donor)" in done.stdout
    assert "import adamms.models; from transformers" in done.stdout.splitlines()[-1]
    assert (tmp_path / "run" / "merged" / "model.safetensors").is_file()


def test_a_pair_that_does_not_ship_is_refused_with_the_names_of_those_that_do(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "adamms",
        "demo",
        "--pair",
        "cogvlm-qwen2-vl",
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2
    assert "mplug_owl2-llava" in done.stderr
    assert not (tmp_path / "run").exists()


def interpolate(base: torch.Tensor, donor: torch.Tensor, alpha: float) -> torch.Tensor:
    one, two = base.float().numpy(), donor.float().numpy()
    merged = np.float32(1 - alpha) * one + np.float32(alpha) * two
    return torch.from_numpy(merged).to(base.dtype)


def common_rows(base: Path, donor: Path) -> list[tuple[int, int]]:
    """Rows of the tokens that both tokenizers spell alike, read by transformers."""
    from transformers import AutoTokenizer

    ours, theirs = (AutoTokenizer.from_pretrained(folder).get_vocab() for folder in (base, donor))
    return [(row, theirs[token]) for token, row in ours.items() if token in theirs]


def test_its_page_marks_what_is_right(demo: tuple[Path, str]) -> None:
    out, _ = demo
    answers = json.loads((out / "answers.json").read_text())
    assert answers == {id_: shipped_pair().true_answers()[id_] for id_ in answers}
    assert len(answers) == 200
    page = (out / "report.html").read_text()
    assert page.count('class="rate"') == 8
    accuracy = json.loads((out / "accuracy.json").read_text())
    assert f"{accuracy['0.3']:.1%}" in page
