"""Templates and tokenizers that would take the machine down end somewhere else, and are told."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from adamms.answering import rehearsal
from adamms.answering.preparation import Preparation
from adamms.answering.rehearsal import TokenizerTrial, rehearse
from adamms.errors import CheckpointError
from adamms.zoo import shipped_pair

PAIR = shipped_pair()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PAIR.base, tmp_path / "model"))


def forever() -> None:
    while True:
        pass


def endless() -> object:
    return bytearray(1 << 40)


@pytest.mark.parametrize("action", [forever, endless, lambda: os._exit(0)])
def test_what_has_no_end_is_told(action: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "SECONDS", 1)
    with pytest.raises(CheckpointError, match="The thing takes more than 1 seconds or 1024 MB"):
        rehearse(action, what="The thing")


def test_what_ends_is_forgotten_with_what_it_raised_and_changed() -> None:
    changed: list[int] = []
    rehearse(lambda: changed.append(1), what="it")
    rehearse(lambda: 1 // 0, what="it")
    assert changed == []


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set n = namespace(x=99999999) %}{% for a in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    ],
)
def test_a_template_without_end(model: Path, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "SECONDS", 1)
    (model / "chat_template.jinja").write_text(template)
    with pytest.raises(CheckpointError, match=r"The chat template of .* takes more than"):
        Preparation.from_folder(model).render(1, "What is it?")


def test_the_shipped_tokenizers_pass_and_none_is_no_fault(model: Path) -> None:
    TokenizerTrial(model).require()
    (model / "tokenizer.json").unlink()
    TokenizerTrial(model).require()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"normalizer": {"type": "Prepend", "prepend": "a" * 1000}, "model": {"type": "Mine"}},
            "tokenizer.json again",
        ),
        (
            {
                "normalizer": {
                    "type": "Sequence",
                    "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "aa"}] * 40,
                }
            },
            "takes more than|tokenizer.json again",
        ),
    ],
    ids=("of its own", "that doubles"),
)
def test_a_tokenizer_that_cannot_be_used(
    model: Path, changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "TOKENIZER_SECONDS", 2)
    file = model / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(CheckpointError, match=said):
        TokenizerTrial(model).require()
