"""Accuracy against known answers: exact match, white space and letter case aside."""

import pytest

from adamms.errors import SearchError
from adamms.evaluation.accuracy import score
from adamms.responses import Response


def said(**texts: str) -> dict[str, Response]:
    return {id_: Response(id_, 0.1, text) for id_, text in texts.items()}


def test_the_share_of_right_answers() -> None:
    answers = {"a": "Yes", "b": "no", "c": "Straße", "d": "4", "unasked": "x"}

    assert score(said(a=" yes\n", b="yes", c="STRASSE", d="4."), answers) == 0.5


def test_what_cannot_be_scored_is_said() -> None:
    with pytest.raises(SearchError, match="no answers to score"):
        score({}, {"a": "x"})
    with pytest.raises(SearchError, match=r'1 of 2 answered inputs have no true answer .*"b"'):
        score(said(a="x", b="y"), {"a": "x"})
