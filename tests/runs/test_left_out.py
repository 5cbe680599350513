"""Inputs that a processor refuses are left out and named, where they are few."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import adamms
from adamms.errors import SearchError
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
ASKED = {"alphas": "0,0.3,0.6", "samples": 24, "max_new_tokens": 4}


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Twenty of the shipped ones, a picture whose data end early, and a prompt longer than models read."""
    lines = [json.loads(line) for line in PAIR.inputs.read_text().splitlines()[:20]]
    for line in lines:
        line.pop("answer", None)
        line["image"] = str(PAIR.inputs.parent / line["image"])
    dead = tmp_path / "dead.jpg"
    Image.effect_noise((64, 64), 90).convert("RGB").save(dead, quality=95)
    dead.write_bytes(dead.read_bytes()[:900])
    lines.insert(3, {"id": "dead", "image": str(dead), "prompt": "What is it?"})
    lines.insert(9, {"id": "long", "image": lines[0]["image"], "prompt": "what " * 100_000})
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def without(inputs: Path, *ids: str) -> Path:
    lines = [json.loads(line) for line in inputs.read_text().splitlines()]
    file = inputs.with_name(f"without-{'-'.join(ids)}.jsonl")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines if line["id"] not in ids))
    return file


def selection(run: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((run / "selection.json").read_text())
    return data


def test_a_search_goes_on_without_a_few_and_its_verdict_says_so(inputs: Path, tmp_path: Path) -> None:
    run = adamms.search(PAIR.base, PAIR.donor, inputs, tmp_path / "run", max_bad=0.1, **ASKED).path
    chosen = selection(run)
    note = chosen["notes"].pop()
    assert note.startswith('Left out of 22 inputs: 2, see left-out.jsonl. "dead" (dead.jpg): ')
    assert '; "long" (' in note
    assert "tokens long; the model reads" in note
    left_out = [json.loads(line) for line in (run / "left-out.jsonl").read_text().splitlines()]
    assert [(entry["id"], Path(entry["files"][0]).name) for entry in left_out] == [
        ("dead", "dead.jpg"),
        ("long", Path(left_out[1]["files"][0]).name),
    ]
    for file in (run / "responses").glob("*.jsonl"):
        assert not {"dead", "long"} & {json.loads(line)["id"] for line in file.read_text().splitlines()}
    # All else is as if they had never been there.
    clean = without(inputs, "dead", "long")
    apart = adamms.search(PAIR.base, PAIR.donor, clean, tmp_path / "clean", **ASKED).path
    assert chosen == selection(apart)


def test_more_than_the_share_end_it_with_their_number(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"2 of 22 inputs are refused so; max_bad 0\.05 allows 1\."):
        adamms.search(PAIR.base, PAIR.donor, inputs, tmp_path / "run", **ASKED)
    with pytest.raises(SearchError, match=r"dead\.jpg cannot be read"):
        adamms.search(PAIR.base, PAIR.donor, inputs, tmp_path / "run", max_bad=0, overwrite=True, **ASKED)
    assert not (tmp_path / "run").exists()


def test_a_resumed_search_knows_what_was_left_out(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, few = tmp_path / "run", without(inputs, "long")
    asked = {**ASKED, "exhaustive": True}
    with monkeypatch.context() as patch:
        patch.setattr("adamms.runs.search_run.sort_lines", _stop)
        with pytest.raises(KeyboardInterrupt):
            adamms.search(PAIR.base, PAIR.donor, few, out, **asked)
    monkeypatch.setattr("adamms.runs.left_out.refused_inputs", _stop)
    run = adamms.search(PAIR.base, PAIR.donor, few, out, resume=True, **asked).path
    assert selection(run)["notes"][-1].startswith("Left out of 21 inputs: 1, ")
    assert selection(run)["samples"] == 20


def _stop(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
