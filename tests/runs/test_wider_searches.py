"""Searches of more than alpha on the shipped pair: any setting, a further donor's weight, by labels."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import adamms
from adamms.errors import AdaMMSError, EvaluationError, RecipeError, SearchError
from adamms.recipes.recipe import read_recipe
from adamms.responses import read_responses
from adamms.runs.pipeline import run as run_recipe
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
ASKED = {"samples": 24, "max_new_tokens": 3, "batch_size": 32}
WEIGHTS = "model.safetensors"


def inputs_with(answers: dict[str, str], folder: Path) -> Path:
    """The shipped inputs that have one of these answers, the answer beside each."""
    lines = [json.loads(line) for line in PAIR.inputs.read_text().splitlines()]
    told = [
        {**line, "image": str(PAIR.inputs.parent / line["image"]), "answer": answers[line["id"]]}
        for line in lines
        if line["id"] in answers
    ]
    file = folder / "labelled.jsonl"
    file.write_text("\n".join(map(json.dumps, told)))
    return file


def selection_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "selection.json").read_text())
    return found


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "adamms", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def by_density(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("density") / "run"
    options = {"method": "ties", "pretrained": PAIR.pretrained, "setting": "density", "values": "0.2,0.6,1"}
    return adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, out, rule="confidence", **options, **ASKED).path


def test_a_setting_is_searched_as_alpha_is(by_density: Path, tmp_path: Path) -> None:
    names = sorted(file.name for file in (by_density / "responses").iterdir())
    assert names == ["base.jsonl", "density=0.20.jsonl", "density=0.60.jsonl", "density=1.00.jsonl"]
    line = json.loads((by_density / "responses" / "density=0.60.jsonl").read_text().splitlines()[0])
    assert (line["setting"], line["value"]) == ("density", 0.6)
    assert "alpha" not in line
    selection = selection_of(by_density)
    assert selection["setting"] == "density"
    assert [each["value"] for each in selection["candidates"]] == [0.2, 0.6, 1.0]
    scores = {each["name"]: each["scores"] for each in selection["signals"]}["confidence"]
    assert selection["selected"] == max(scores, key=lambda each: each["score"])["value"]
    assert 0 < selection["base_score"] < 1
    assert selection["verdict"].startswith(f"density = {selection['selected']:g}: on 24 inputs")

    merged = adamms.merge(
        PAIR.base,
        PAIR.donor,
        tmp_path / "merged",
        method="ties",
        pretrained=PAIR.pretrained,
        settings={"density": selection["selected"]},
    ).path
    assert (merged / WEIGHTS).read_bytes() == (by_density / "merged" / WEIGHTS).read_bytes()
    about = json.loads((by_density / "merged" / "adamms.json").read_text())
    assert about["density"] == selection["selected"]
    page = (by_density / "report.html").read_text()
    assert f"Merge with density = {selection['selected']:g}" in page
    assert "alpha, the donor" not in page
    assert "How density was chosen" in (by_density / "merged" / "README.md").read_text()


def test_its_answers_are_chosen_from_again_and_the_merge_is_repeated(
    by_density: Path, tmp_path: Path
) -> None:
    again = command("select", by_density, "--rule", "confidence", "--json")
    assert json.loads(again.stdout) == {**selection_of(by_density), "seed": 0}
    told = command("select", by_density, "--rule", "any", "--ends", "all").stdout
    assert "density" in told
    assert "density = " in told
    repeated = run_recipe(read_recipe(by_density / "merged" / "recipe.yaml"), tmp_path / "again").path
    assert (repeated / WEIGHTS).read_bytes() == (by_density / "merged" / WEIGHTS).read_bytes()


def test_labels_stand_beside_the_signals_in_one_table(by_density: Path, tmp_path: Path) -> None:
    responses = read_responses(by_density)
    wanted = {id_: each.response for id_, each in responses[1.0].items()}
    labels = tmp_path / "labels.jsonl"
    labels.write_text("\n".join(json.dumps({"id": id_, "answer": text}) for id_, text in wanted.items()))

    chosen = json.loads(command("select", by_density, "--labels", "--answers", labels, "--json").stdout)

    assert chosen["rule"] == "labels"
    by_name = {each["name"]: each for each in chosen["signals"]}
    assert [each["score"] for each in by_name["labels"]["scores"]][-1] == 1
    assert by_name["labels"]["cost"] == "labels"
    assert {"sum", "confidence", "weighted-vote"} <= by_name.keys()
    assert by_name["sum"]["selected"] is not None
    assert "labels" not in [each["name"] for each in selection_of(by_density)["signals"]]
    other = command("select", by_density, "--labels", "--answers", labels, "--rule", "any")
    assert other.returncode == 2
    assert "--rule any has nothing to choose" in other.stderr
    without = command("select", by_density, "--rule", "labels")
    assert without.returncode == 2
    assert "needs the true answers" in without.stderr


def test_alpha_0_is_not_always_the_base(tmp_path: Path) -> None:
    options = {**ASKED, "alphas": "0,0.3,0.6", "rule": "confidence"}
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "halved": {"settings": {"base_weight": 0.5}},
        "trimmed": {"method": "ties", "pretrained": PAIR.pretrained},
        "donors": {"donors": [{"model": str(PAIR.donor), "alpha": 0.4}]},
    }
    runs = {
        kind: adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / kind, **options, **changes)
        for kind, changes in kinds.items()
    }

    assert not (runs["plain"].path / "responses" / "base.jsonl").exists()
    assert "base_score" not in selection_of(runs["plain"].path)
    plain = read_responses(runs["plain"].path)[0.0]
    for kind in ("halved", "trimmed", "donors"):
        run = runs[kind].path
        told = [json.loads(line) for line in (run / "responses" / "base.jsonl").read_text().splitlines()]
        assert {each["id"]: each["response"] for each in told} == {
            id_: each.response for id_, each in plain.items()
        }
        selection = selection_of(run)
        confidences = [each.confidence for each in plain.values()]
        assert selection["base_score"] == pytest.approx(sum(confidences) / len(plain), abs=1e-4)
        assert "(do not merge)" not in selection["verdict"]
        assert all("gated" not in each for each in selection["signals"])
        again = command("select", run, "--rule", "confidence", "--json")
        assert json.loads(again.stdout)["base_score"] == selection["base_score"]
        gated = command("select", run, "--rule", "confidence", "--gated")
        assert (gated.returncode, "no alpha here is the base" in " ".join(gated.stderr.split())) == (2, True)


def test_a_further_donors_weight_is_searched_beside_a_fixed_alpha(tmp_path: Path) -> None:
    options = {**ASKED, "samples": 6, "rule": "confidence", "setting": "donor2", "values": "0,0.2,0.4"}
    donors = [{"model": str(PAIR.base)}]
    result = adamms.search(
        PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", alpha=0.3, donors=donors, **options
    )
    names = sorted(file.name for file in (result.path / "responses").iterdir())
    assert names == ["base.jsonl", "donor2=0.00.jsonl", "donor2=0.20.jsonl", "donor2=0.40.jsonl"]
    recipe = yaml.safe_load((result.merged / "recipe.yaml").read_text())
    assert (recipe["merge"]["alpha"], recipe["donors"][0]["alpha"]) == (0.3, result.selection.selected)
    merged = adamms.merge(
        PAIR.base,
        PAIR.donor,
        tmp_path / "merged",
        alpha=0.3,
        donors=[{"model": str(PAIR.base), "alpha": result.selection.selected}],
    ).path
    assert (merged / WEIGHTS).read_bytes() == (result.merged / WEIGHTS).read_bytes()


def test_a_comparison_is_printed_for_people(by_density: Path) -> None:
    compared = command("compare", by_density, by_density)
    assert compared.returncode == 0, compared.stderr
    assert "Runs" in compared.stdout


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (
            {"alpha": 0.3, "setting": "density", "values": "0:1:0.5"},
            RecipeError,
            "linear has no number 'density'",
        ),
        ({"method": "ties", "setting": "trim", "values": "0:1:0.5"}, RecipeError, "it has: base_weight"),
        ({"method": "ties", "setting": "density"}, RecipeError, "give both or neither"),
        ({"method": "ties", "setting": "density", "values": "0:2:0.5"}, SearchError, "from 0 to 1"),
        (
            {"method": "ties", "setting": "density", "values": "0.5"},
            SearchError,
            "values of density '0.5' make 1",
        ),
        ({"method": "della", "setting": "seed", "values": "0,0.5,1"}, AdaMMSError, "a whole number"),
        (
            {"method": "ties", "setting": "density", "values": "0,1,0.5", "settings": {"density": 0.3}},
            RecipeError,
            "density is given and a search would choose it",
        ),
        (
            {"method": "ties", "setting": "lambda", "values": "0,1,2", "gated": True},
            RecipeError,
            "gated asks",
        ),
        ({"method": "slerp", "setting": "alpha", "values": "0,1,2"}, RecipeError, "give both or neither"),
        (
            {"alpha": 0.3, "setting": "donor2", "values": "0,0.2,0.4"},
            RecipeError,
            "linear has no number 'donor2'",
        ),
        (
            {
                "alpha": 0.3,
                "setting": "donor2",
                "values": "0,0.2,0.4",
                "donors": [{"model": "m", "alpha": 0.2}],
            },
            RecipeError,
            "donor2's alpha is given and a search would choose it",
        ),
        (
            {"alpha": 0.3, "setting": "density", "values": "0,0.2,0.4", "command": "cat {model} {inputs}"},
            RecipeError,
            "a command is asked for candidates of alpha alone",
        ),
        ({"rule": "plurality-logprob"}, RecipeError, "There is no rule 'plurality-logprob'"),
        ({"rule": "labels"}, EvaluationError, 'No line of .* has an "answer"'),
        ({"label_metric": "bleu"}, RecipeError, "bleu"),
    ],
)
def test_what_cannot_be_searched_is_said_before_a_model_is_loaded(
    options: dict[str, Any], error: type[AdaMMSError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        adamms.search(
            PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", pretrained=PAIR.pretrained, **options
        )
    assert not list(tmp_path.iterdir())


def test_the_command_line_says_what_a_range_looks_like(tmp_path: Path) -> None:
    words = ("search", PAIR.base, PAIR.donor, "--inputs", PAIR.inputs, "--out", tmp_path / "run")
    told = command(*words, "--search", "density")
    assert told.returncode == 2
    assert "NAME=RANGE" in told.stderr
