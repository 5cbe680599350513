"""Engines of other packages: registered as the how-to has it, and what goes wrong with them."""

import json
import re
from pathlib import Path

import pytest

import adamms
from adamms.answering.engine import EngineRequest, open_engine
from adamms.checkpoints import Checkpoint
from adamms.errors import SearchError
from adamms.zoo import shipped_pair

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-an-engine.md"
PAIR = shipped_pair()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The how-to's package, installed; and an engine whose module is not there."""
    code = re.search(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "loud.py").write_text(code[1])
    about = tmp_path / "loud-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(
        "[adamms.engines]\nloud = loud:Loud\nabsent = nothing_there:Nothing\n"
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


def test_an_engine_that_is_not_there(package):
    with Checkpoint.open(PAIR.base) as base:
        with pytest.raises(SearchError, match="No engine is called 'vllm'; installed are: absent, comm"):
            open_engine(EngineRequest(base, ()), name="vllm")
        with pytest.raises(SearchError, match=r"The engine 'absent' .* cannot be imported"):
            open_engine(EngineRequest(base, ()), name="absent")
        with pytest.raises(SearchError, match="needs a command line"):
            open_engine(EngineRequest(base, ()), name="command")
