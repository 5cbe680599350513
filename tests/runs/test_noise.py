"""An engine whose answers depend on what else it is asked: a search says how much of a difference is that."""

import json

import pytest

import adamms
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
ENGINE = """
from adamms.responses import Response

class Wavering:
    noisy = True
    merges_itself = True
    became = []

    def __init__(self, request):
        self.examples = {}

    def prepare(self, examples):
        self.examples |= {example.id: example for example in examples}

    def load_weights(self, alpha, merged):
        self.alpha = alpha
        self.became.append((alpha, merged.method.name, len(merged.inputs.donors)))

    def answer(self, ids):
        ids = list(ids)
        for place, id in enumerate(ids):
            # The first of a batch it answers in its own way.
            text = "first" if place == 0 else f"{self.alpha:g} {self.examples[id].prompt}"
            yield Response(id, self.alpha, text)

class Steady(Wavering):
    def answer(self, ids):
        for id in ids:
            yield Response(id, self.alpha, self.examples[id].prompt)
"""


@pytest.fixture
def engines(tmp_path, monkeypatch):
    (tmp_path / "wavering.py").write_text(ENGINE)
    about = tmp_path / "wavering-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: wavering\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(
        "[adamms.engines]\nwavering = wavering:Wavering\nsteady = wavering:Steady\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def search(engine, out):
    options = {"rule": "sum", "samples": 6, "alphas": "0,0.3,0.6", "engine": engine}
    run = adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, out, **options).path
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    noise = [event for event in events if event["event"] == "noise"]
    return noise, json.loads((run / "selection.json").read_text())["notes"]


def test_answers_that_change_by_themselves_are_counted_and_told(engines, tmp_path):
    (noise,), notes = search("wavering", tmp_path / "run")
    # Asked again backwards: what was first is not, and what was last is.
    assert (noise["alpha"], noise["asked"], noise["differing"]) == (0.0, 6, 2)
    assert any("the candidate 0 answered 2 of 6 inputs otherwise" in note for note in notes)
    from wavering import Wavering

    # What merges by itself is told what to merge, and nothing is merged here.
    assert Wavering.became[:3] == [(alpha, "linear", 1) for alpha in (0.0, 0.3, 0.6)]


def test_answers_that_do_not_change_are_counted_and_no_note_is_made(engines, tmp_path):
    (noise,), notes = search("steady", tmp_path / "run")
    assert (noise["asked"], noise["differing"]) == (6, 0)
    assert not any("Noise floor" in note for note in notes)
