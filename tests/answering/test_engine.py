"""Engines of other packages: registered as the how-to has it, and what goes wrong with them."""

import json
import re
from pathlib import Path

import pytest

import adamms
from adamms.answering.engine import EngineRequest, asks_donors, can_read, open_engine
from adamms.checkpoints import Checkpoint
from adamms.errors import SearchError
from adamms.zoo import shipped_pair

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-an-engine.md"
PAIR = shipped_pair()
ANOTHER = """
from adamms.answering.transformers_engine import TransformersEngine

class Another(TransformersEngine):
    asks_donors = True
    opened, closed, streamed = [], [], []

    def __init__(self, request):
        super().__init__(request.model, changed=request.changed, options=request.options)
        self.opened.append((request.model.source, request.python, request.options.gpus_per_model))
        self.changed = request.changed

    def load_weights(self, alpha, merged):
        if self.changed:
            self.streamed.append([name for name, tensor in merged.stream(self.changed[:3])])
        super().load_weights(alpha, merged)

    def close(self):
        self.closed.append(self)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The how-to's package, installed; and an engine whose module is not there."""
    code = re.search(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "loud.py").write_text(code[1])
    (tmp_path / "another.py").write_text(ANOTHER)
    about = tmp_path / "loud-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(
        "[adamms.engines]\nloud = loud:Loud\nabsent = nothing_there:Nothing\nanother = another:Another\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_engine_of_another_package_answers_a_search(package, tmp_path):
    run = adamms.search(
        PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / "run", engine="loud", rule="sum", samples=5
    ).path
    lines = (run / "responses" / "alpha=0.30.jsonl").read_text().splitlines()
    answered = [json.loads(line) for line in lines]
    assert len(answered) == 5
    assert all(line["response"].isupper() for line in answered)


def opinions(run):
    """What candidates thought of the parents' answers, by candidate and input."""
    lines = map(json.loads, (run / "responses" / "opinions.jsonl").read_text().splitlines())
    return {(line["alpha"], line["id"]): [line["base"], line["donor"]] for line in lines}


def test_an_engine_of_another_package_reads_and_is_closed(package, tmp_path):
    options = {"samples": 5, "max_new_tokens": 4, "device": "cpu", "alphas": "0,0.3,0.6"}
    runs = [
        adamms.search(PAIR.base, PAIR.donor, PAIR.inputs, tmp_path / str(index), **options, **more).path
        for index, more in enumerate(
            [{}, {"engine": "another", "engine_python": "python", "gpus_per_model": 1}]
        )
    ]
    assert [can_read(name) for name in ("transformers", "another", "loud", "command")] == [
        True,
        True,
        False,
        False,
    ]
    assert [asks_donors(name) for name in ("transformers", "another", "loud")] == [True, True, False]
    # Another engine is asked for all at once, so the last digits may differ.
    ours, theirs = (json.loads((run / "selection.json").read_text()) for run in runs)
    assert (theirs["selected"], theirs["samples"]) == (ours["selected"], ours["samples"])
    assert theirs["reading"].keys() == ours["reading"].keys()
    read, read_by_another = (opinions(run) for run in runs)
    assert read_by_another.keys() == read.keys()
    assert all(read_by_another[key] == pytest.approx(value, abs=1e-3) for key, value in read.items())
    from another import Another

    models = [(str(model), "python", 1) for model in (PAIR.donor, PAIR.base)]
    assert Another.opened == models
    assert len(Another.closed) == len({id(engine) for engine in Another.closed}) == 2
    assert all(len(names) == 3 for names in Another.streamed)


def test_an_engine_that_is_not_there(package):
    with Checkpoint.open(PAIR.base) as base:
        with pytest.raises(SearchError, match="No engine is called 'none'; installed are: absent, ano"):
            open_engine(EngineRequest(base, ()), name="none")
        with pytest.raises(SearchError, match=r"The engine 'absent' .* cannot be imported"):
            open_engine(EngineRequest(base, ()), name="absent")
        with pytest.raises(SearchError, match="needs a command line"):
            open_engine(EngineRequest(base, ()), name="command")
