"""Searches that believe the parents: the donor asked by itself, its stand-in, theta_0, and resuming."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import adamms
import tiny_models
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions, ask_model
from adamms.errors import SearchError
from adamms.reports.run_files import read_run
from adamms.reports.selection_tables import candidate_rows
from adamms.responses import read_donors, read_opinions
from adamms.responses.inputs import read_inputs, sample
from adamms.zoo import shipped_pair
from adapters import low_rank, write_adapter

PAIR = shipped_pair()
SMALL: dict[str, Any] = {"samples": 20, "max_new_tokens": 4, "rule": "witnesses", "alphas": "0:0.6:0.2"}


def search(out: Path, **options: Any) -> Path:
    return adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, out, **{**SMALL, **options}).path


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return search(tmp_path_factory.mktemp("read") / "run")


@pytest.fixture(scope="module")
def exhaustive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return search(tmp_path_factory.mktemp("exhaustive") / "run", exhaustive=True)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def selection_of(run: Path) -> dict[str, Any]:
    selection: dict[str, Any] = json.loads((run / "selection.json").read_text())
    return selection


def nearly(value: Any) -> Any:
    """JSON with room for the last digits of probabilities, which other batches move."""
    if isinstance(value, dict):
        return {key: nearly(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [nearly(entry) for entry in value]
    return pytest.approx(value, abs=1e-4) if isinstance(value, float) else value


def test_the_donor_answers_once_in_its_own_architecture(exhaustive: Path) -> None:
    examples = sample(read_inputs(PAIR.inputs), 20, seed=0)
    with open_model(PAIR.donor) as donor:
        own = {
            answer.id: answer.response
            for answer in ask_model(
                donor, examples, options=EngineOptions(max_new_tokens=4, device="cpu"), alpha=1.0
            )
        }
    (kept,) = read_donors(exhaustive)
    assert {id_: answer.response for id_, answer in kept.answers.items()} == own
    assert not kept.stand_in
    assert all(answer.confidence is not None for answer in kept.answers.values())


def test_answers_given_elsewhere_are_not_asked_for(
    exhaustive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given.jsonl"
    shutil.copy(exhaustive / "responses" / "donor.jsonl", given)
    monkeypatch.setattr("adamms.runs.live_models.ModelItself", None)
    run = search(tmp_path / "run", donor_answers=(given,), exhaustive=True)
    assert nearly(selection_of(run)) == selection_of(exhaustive)
    given.write_text("\n".join(given.read_text().splitlines()[:5]))
    with pytest.raises(SearchError, match="answers 5 of 20 inputs; the first that it lacks is"):
        search(tmp_path / "short", donor_answers=(given,))
    with pytest.raises(SearchError, match="2 files of donors' answers for 1 donors"):
        search(tmp_path / "two", donor_answers=(given, given))


def test_without_the_donor_alpha_1_in_the_bases_body_stands_for_it(tmp_path: Path) -> None:
    run = search(tmp_path / "run", no_donor=True, alphas="0,0.5,1", exhaustive=True)
    assert all(line["stand_in"] for line in lines(run / "responses" / "donor.jsonl"))
    (stood_in,) = read_donors(run)
    merged = {line["id"]: line["response"] for line in lines(run / "responses" / "alpha=1.00.jsonl")}
    assert {id_: answer.response for id_, answer in stood_in.answers.items()} == merged


def test_a_language_model_before_pictures_is_stood_in_for(tmp_path: Path) -> None:
    base = tiny_models.build("qwen2_vl", tmp_path / "base")
    donor = tiny_models.build("qwen2", tmp_path / "donor", seed=1)
    inputs = tmp_path / "inputs.jsonl"
    with inputs.open("w") as file:
        for index in range(8):
            tiny_models.picture(40, 40, seed=index).save(tmp_path / f"{index}.png")
            file.write(
                json.dumps({"id": str(index), "image": f"{index}.png", "prompt": f"Why {index}?"}) + "\n"
            )
    run = adamms.search(base, donor, inputs, tmp_path / "run", **{**SMALL, "samples": 8}, force=True).path
    assert all(line["stand_in"] for line in lines(run / "responses" / "donor.jsonl"))


def test_a_donor_with_an_adapter_answers_with_it(tmp_path: Path) -> None:
    base = tiny_models.build("llava_onevision", tmp_path / "base")
    donor = tiny_models.build("qwen2_vl", tmp_path / "donor", seed=1)
    layers = {"model.language_model.layers.1.mlp.up_proj": (48, 32)}
    adapter = write_adapter(tmp_path / "lora", low_rank(layers, size=2.0))
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text("".join(json.dumps({"id": str(n), "prompt": f"Why {n}?"}) + "\n" for n in range(8)))
    given = []
    for name, model in (("plain", str(donor)), ("adapted", f"{donor}+{adapter}")):
        options = {**SMALL, "samples": 8, "exhaustive": True}
        run = adamms.search(base, model, inputs, tmp_path / name, **options, force=True).path
        (kept,) = read_donors(run)
        assert not kept.stand_in
        given.append({id_: answer.response for id_, answer in kept.answers.items()})
    assert given[0] != given[1]


def test_candidates_read_and_only_the_winner_answers(read: Path) -> None:
    selection, responses = selection_of(read), read / "responses"
    reading = selection["reading"]
    opinions = lines(responses / "opinions.jsonl")
    assert {line["alpha"] for line in opinions} == set(reading["candidates"])
    assert len(opinions) == reading["inputs"] * len(reading["candidates"])
    answered = {file.name: len(lines(file)) for file in responses.glob("alpha=*.jsonl")}
    assert answered.pop("alpha=0.00.jsonl") == 20
    assert f"alpha={selection['selected']:.2f}.jsonl" in answered or selection["selected"] == 0
    assert set(answered.values()) <= {reading["inputs"]}
    assert all(line["base"] <= 0 and line["donor"] <= 0 and len(line["tokens"]) == 2 for line in opinions)
    assert (read / "report.html").is_file()


def test_a_choice_by_reading_says_how_sure_it_is_and_select_repeats_it(read: Path) -> None:
    selection = selection_of(read)
    assert selection["certainty"] in ("clear", "close", "undecided", "do-not-merge")
    assert selection["selected"] not in selection["alternatives"]
    assert selection["doubt"]["over_base"]["alpha"] == 0
    command = [sys.executable, "-m", "adamms", "select", str(read)]
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(again.stdout) == selection
    other = subprocess.run(
        [*command, "--rule", "sum"], capture_output=True, text=True, check=False, timeout=60
    )
    assert other.returncode == 2
    assert "--exhaustive" in other.stderr


def test_a_donor_without_confidence_leaves_the_choice_to_the_papers_rule(read: Path, tmp_path: Path) -> None:
    unsure = tmp_path / "unsure.jsonl"
    kept = [
        {"id": line["id"], "response": line["response"]} for line in lines(read / "responses" / "donor.jsonl")
    ]
    unsure.write_text("".join(json.dumps(line) + "\n" for line in kept))
    selection = selection_of(search(tmp_path / "run", donor_answers=(unsure,)))
    assert selection["rule"] == "sum"
    assert "the donor's answers carry no confidence" in selection["fallback"]
    assert selection["fallback"] in selection["verdict"]


def test_a_candidate_that_was_not_read_is_called_so_everywhere(read: Path) -> None:
    selection = read_run(read).selection
    assert selection.reading is not None
    unread = {c.alpha for c in selection.candidates} - set(selection.reading.candidates)
    rows = candidate_rows(selection)
    assert {float(row.alpha) for row in rows if row.status == "could no longer win, not read"} == unread
    card, page = (read / "merged" / "README.md").read_text(), (read / "report.html").read_text()
    assert card.count("| not read |") == len(unread)
    assert "to previous" not in card
    assert "end of the grid" not in page and "one neighbour" not in page
    # Its answers are too few for another rule, so none is offered.
    assert "--rule any" not in page


def test_reading_says_who_stood_in_and_that_nothing_is_to_gain(tmp_path: Path) -> None:
    run = adamms.search(
        PAIR.base, PAIR.base, PAIR.inputs, tmp_path / "run", **{**SMALL, "samples": 6}, no_donor=True
    ).path
    notes = selection_of(run)["notes"]
    assert "Alpha 1 in the base's body stood for the donor, which did not answer itself." in notes
    assert "The base and the donor give the same answers: nothing is to gain by merging them." in notes
    assert all(note in (run / "merged" / "README.md").read_text() for note in notes)


def test_reading_and_answering_agree_on_the_shipped_pair(read: Path, exhaustive: Path) -> None:
    """Not a law: the two scores differ. Here both find that the merge helps."""
    assert selection_of(read)["selected"] > 0
    assert selection_of(exhaustive)["selected"] > 0


def test_theta_0_reads_both_answers_once(tmp_path: Path) -> None:
    run = search(tmp_path / "run", pretrained=str(PAIR.base), exhaustive=True)
    opinions = read_opinions(run)
    assert opinions is not None and len(opinions) == 20
    # The base as its own ancestor is surest of what it says itself.
    apart = [opinion for opinion in opinions.values() if opinion.base != opinion.donors[0]]
    assert apart and all(opinion.base > opinion.donors[0] for opinion in apart)


def test_every_donor_is_a_witness(tmp_path: Path) -> None:
    """Where other donors keep their weights no candidate is the base, so everything is asked."""
    further = [{"model": str(PAIR.base), "alpha": 0.2}]
    run = search(tmp_path / "run", donors=further, force=True, samples=8)
    answered = {file.name: len(lines(file)) for file in (run / "responses").iterdir()}
    alphas = [f"alpha={alpha}.jsonl" for alpha in ("0.00", "0.20", "0.40", "0.60")]
    assert answered == dict.fromkeys([*alphas, "base.jsonl", "donor-1.jsonl", "donor-2.jsonl"], 8)
    first, second = read_donors(run)
    (base,) = [{line["id"]: line["response"] for line in lines(run / "responses" / "base.jsonl")}]
    assert {id_: answer.response for id_, answer in second.answers.items()} == base
    assert first.answers != second.answers
    assert selection_of(run)["rule"] == "witnesses"


@pytest.mark.parametrize("options", [{}, {"exhaustive": True}])
def test_a_killed_and_resumed_search_equals_an_unbroken_one(
    options: dict[str, Any], read: Path, exhaustive: Path, tmp_path: Path
) -> None:
    unbroken = exhaustive if options else read
    command = [
        *(sys.executable, "-m", "adamms", "search", str(PAIR.base), str(PAIR.donor), "--rule", "witnesses"),
        *("--inputs", str(PAIR.inputs), "--out", str(tmp_path / "run"), "--samples", "20"),
        *("--max-new-tokens", "4", "--alphas", "0:0.6:0.2", *(["--exhaustive"] if options else [])),
    ]
    partial = tmp_path / ".run.adamms-partial" / "responses"
    last = "alpha=0.20.jsonl" if options else "opinions.jsonl"
    for file in ("donor.jsonl", "alpha=0.00.jsonl", last):
        process = subprocess.Popen(
            [*command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            if (partial / file).is_file() and (partial / file).read_bytes():
                process.kill()
            time.sleep(0.01)
        process.wait()
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    run = tmp_path / "run"
    assert nearly(selection_of(run)) == selection_of(unbroken)
    for file in sorted((unbroken / "responses").iterdir()):
        ours, theirs = lines(run / "responses" / file.name), lines(file)
        by = lambda line: (line.get("alpha", 0), line["id"])  # noqa: E731
        assert nearly(sorted(ours, key=by)) == sorted(theirs, key=by)
