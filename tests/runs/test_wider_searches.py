"""Searches of more than alpha on the shipped pair: any setting, by labels, walks from the best alpha."""

import json
import shutil
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
ALPHAS = {"alphas": "0,0.5,1"}
WALK = {**ASKED, **ALPHAS, "samples": 96, "rule": "confidence", "by": "depth", "passes": 6}
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


@pytest.fixture(scope="module")
def by_depth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk whose points are answered; whether it takes one does not matter."""
    out = tmp_path_factory.mktemp("depth") / "run"
    return adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, out, **WALK).path


def test_a_setting_is_searched_as_alpha_is(by_density: Path, tmp_path: Path) -> None:
    names = sorted(file.name for file in (by_density / "responses").iterdir())
    assert names == ["base.jsonl", "density=0.20.jsonl", "density=0.60.jsonl", "density=1.00.jsonl"]
    line = json.loads((by_density / "responses" / "density=0.60.jsonl").read_text().splitlines()[0])
    assert line["density"] == 0.6
    assert "alpha" not in line
    selection = selection_of(by_density)
    assert selection["setting"] == "density"
    assert [each["density"] for each in selection["candidates"]] == [0.2, 0.6, 1.0]
    scores = {each["name"]: each["scores"] for each in selection["signals"]}["confidence"]
    assert selection["selected"] == max(scores, key=lambda each: each["score"])["density"]
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

    chosen = json.loads(command("select", by_density, "--labels", labels, "--json").stdout)

    assert chosen["rule"] == "labels"
    by_name = {each["name"]: each for each in chosen["signals"]}
    assert [each["score"] for each in by_name["labels"]["scores"]][-1] == 1
    assert by_name["labels"]["cost"] == "labels"
    assert {"sum", "confidence", "plurality"} <= by_name.keys()
    assert by_name["sum"]["selected"] is not None
    assert "labels" not in [each["name"] for each in selection_of(by_density)["signals"]]
    other = command("select", by_density, "--labels", labels, "--rule", "any")
    assert other.returncode == 2
    assert "--rule any has nothing to choose" in other.stderr
    without = command("select", by_density, "--rule", "labels")
    assert without.returncode == 2
    assert "needs the true answers" in without.stderr


def test_a_walk_by_labels_finds_the_point_that_they_come_from(by_depth: Path, tmp_path: Path) -> None:
    selection = selection_of(by_depth)
    walked = selection["walk"]
    assert walked["passes"] == len(list((by_depth / "walk").glob("depth=*.jsonl"))) <= 6
    # Of the points beside alpha 0.5, the one that no alpha answers like: only a step gets there.
    grid = read_responses(by_depth)
    summit, truth = _most_unlike(by_depth, grid)
    options = {**ALPHAS, **ASKED, "samples": len(truth), "rule": "labels", "by": "depth", "passes": 8}

    result = adamms.search(PAIR.base, PAIR.donor, inputs_with(truth, tmp_path), tmp_path / "run", **options)

    walk = result.selection.walk
    assert walk is not None
    assert walk.selected == summit
    assert walk.score == 1
    assert (
        f"Merge with alpha = {', '.join(f'{each:g}' for each in summit)} by depth"
        in result.report.read_text()
    )
    merged = command(
        "merge", PAIR.base, PAIR.donor, *walk.coordinates.option(summit).split(), "--out", tmp_path / "merged"
    )
    assert merged.returncode == 0, merged.stderr
    assert (tmp_path / "merged" / WEIGHTS).read_bytes() == (result.merged / WEIGHTS).read_bytes()
    assert json.loads((result.merged / "adamms.json").read_text())["alpha"] == list(summit)
    recipe = yaml.safe_load((result.merged / "recipe.yaml").read_text())
    assert recipe["search"] is None
    assert recipe["merge"]["alpha"] == list(summit)


def _most_unlike(run: Path, grid: Any) -> tuple[tuple[float, ...], dict[str, str]]:
    from adamms.responses import read_donor_answers

    found = []
    for file in sorted((run / "walk").glob("depth=*.jsonl")):
        said = {id_: each.response for id_, each in read_donor_answers(file).items()}
        alike = max(sum(said[id_] == each.response for id_, each in given.items()) for given in grid.values())
        point = tuple(map(float, file.stem.removeprefix("depth=").split(",")))
        found.append((alike, point, said))
    alike, point, said = min(found, key=lambda each: each[:2])
    assert alike < len(said) - 5
    return point, said


def test_a_walk_that_was_interrupted_asks_only_the_rest(by_depth: Path, tmp_path: Path) -> None:
    work = tmp_path / ".run.adamms-partial"
    shutil.copytree(by_depth, work)
    for name in ("selection.json", "report.html"):
        (work / name).unlink()
    shutil.rmtree(work / "merged")
    *kept, last = sorted((work / "walk").iterdir())
    for file in kept:
        # What is not asked again is believed: a mark in it must come through.
        file.write_text(file.read_text().replace('"finished": true', '"finished": false'))
    texts = {file.name: file.read_text() for file in kept}
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 2])
    begun = [line for line in whole[: len(whole) // 2].splitlines(keepends=True) if line.endswith(b"\n")]

    resumed = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", resume=True, **WALK).path

    for name, text in texts.items():
        assert (resumed / "walk" / name).read_text() == text
    ended = (resumed / "walk" / last.name).read_bytes()
    assert ended.startswith(b"".join(begun))
    assert len(ended.splitlines()) == 96
    steps, before = (selection_of(each)["walk"]["steps"] for each in (resumed, by_depth))
    assert [each["point"] for each in steps] == [each["point"] for each in before]


def test_a_walk_and_a_comparison_are_printed_for_people(
    by_depth: Path, by_density: Path, tmp_path: Path
) -> None:
    few = ["--samples", 6, "--max-new-tokens", 3, "--alphas", "0,0.5,1", "--rule", "confidence"]
    line = ["search", PAIR.base, PAIR.donor, "--inputs", PAIR.inputs, "--out", tmp_path / "run", *few]
    walked = command(*line, "--by", "depth", "--passes", 1)
    assert walked.returncode == 0, walked.stderr
    assert "Walk by depth: 1 of 1 passes" in walked.stdout

    compared = command("compare", by_depth, by_density)
    assert compared.returncode == 0, compared.stderr
    assert "Runs" in compared.stdout


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


def test_donors_are_walked_each_by_itself(tmp_path: Path) -> None:
    options = {**ASKED, "alphas": "0,0.2,0.4", "samples": 6, "rule": "confidence", "by": "donor", "passes": 2}
    donors = [{"model": str(PAIR.base), "alpha": 0.2}]
    result = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", donors=donors, **options)
    walk = result.selection.walk
    assert walk is not None
    assert walk.start == (result.selection.selected, 0.2)
    assert walk.passes == 2
    recipe = yaml.safe_load((result.merged / "recipe.yaml").read_text())
    assert (recipe["merge"]["alpha"], recipe["donors"][0]["alpha"]) == walk.selected


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
        ({"by": "depth"}, RecipeError, "the rule sum has nothing to compare with"),
        ({"by": "depth", "rule": "parents"}, RecipeError, "rules that judge a candidate by itself"),
        ({"by": "donor", "rule": "confidence"}, RecipeError, "two donors or more"),
        (
            {"by": "depth", "rule": "confidence", "command": "cat {model} {inputs}"},
            RecipeError,
            "a command is asked for candidates of alpha alone",
        ),
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
