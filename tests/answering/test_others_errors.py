"""Errors of transformers become the checkpoint's fault, ours stay ours."""

import json

import pytest

from adamms.answering import others_errors
from adamms.answering.others_errors import explained
from adamms.errors import CheckpointError, SearchError


def test_what_a_library_raises_is_a_sentence() -> None:
    with (
        pytest.raises(SearchError, match=r"str cannot be asked: .* do not fit its weights"),
        explained("model"),
    ):
        json.loads(b"{")


def test_what_we_raise_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="as it is"), explained("model"):
        raise CheckpointError("as it is")
    monkeypatch.setattr(others_errors, "OURS", __file__)
    with pytest.raises(ValueError, match="a fault of ours"), explained("model"):
        raise ValueError("a fault of ours")


def test_memory_and_devices_speak_for_themselves() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), explained("model"):
        raise RuntimeError("out of memory")
