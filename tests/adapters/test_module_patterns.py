"""Expressions that name an adapter's modules: as PEFT matches them, and never for ever."""

import pytest

from adamms.adapters import module_patterns
from adamms.adapters.module_patterns import first_matches
from adamms.errors import CheckpointError

NAMES = ("model.layers.0.mlp.up_proj", "model.layers.11.mlp.up_proj", "model.layers.1.self_attn.q_proj")


def test_the_first_that_fits_to_the_end_and_from_a_dot_on() -> None:
    patterns = ("1.mlp.up_proj", "mlp.up_proj", "q_proj")
    assert first_matches(patterns, NAMES, where="here") == [1, 1, 2]


def test_expressions_that_may_cost_are_matched_alike() -> None:
    patterns = (r".*layers\.(0|1)\..*", "up_proj")
    assert first_matches(patterns, NAMES, where="here") == [0, 1, 0]
    assert first_matches((), NAMES, where="here") == [None, None, None]


@pytest.mark.parametrize("pattern", ["(a|a|ab)*c", "(" + "(?:a|a)" * 40 + "|x)b"])
def test_an_expression_without_end_is_ended(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_patterns, "PATTERN_SECONDS", 1.0)
    with pytest.raises(
        CheckpointError, match="take more than 1 seconds to match; write the modules' names out"
    ):
        first_matches([pattern], ["a" * 60], where="here")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "not a regular expression"),
        ("a\\", "not a regular expression"),
        ("a{1,99999999999999999999}", "not a regular expression"),
        ("(" * 5000 + ")" * 5000, "not a regular expression|cannot be matched within"),
    ],
)
def test_what_is_none_is_told(pattern: str, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        first_matches([pattern], NAMES, where="here")
