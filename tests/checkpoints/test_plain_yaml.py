"""Plain data as YAML: what people write, and what comes back."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adamms.checkpoints.plain_yaml import read_yaml, write_yaml

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("0123456789eE+-.,:~ ab", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("1e5ab", max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain)
def test_what_is_written_reads_back(data: Any) -> None:
    assert read_yaml(write_yaml(data)) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("-3E+2", -300.0),
        (".5e1", 5.0),
        ("1e-1,0.2,0.3", "1e-1,0.2,0.3"),
        ("1e5-model", "1e5-model"),
        ("7e2f11aa", "7e2f11aa"),
        ("'1e5'", "1e5"),
        ("", None),
    ],
)
def test_numbers_and_what_only_begins_like_one(text: str, value: object) -> None:
    assert read_yaml(text) == value


def test_a_key_stands_once() -> None:
    with pytest.raises(yaml.YAMLError, match="'x' stands twice"):
        read_yaml("a: [{x: 1, y: {z: 1}, x: 2}]")
    merged = read_yaml("a: &a {x: 1}\no:\n  b: &b {<<: *a, x: 2}\nc: {<<: *b}\nd: {1: a, '1': b}")
    assert (merged["o"], merged["c"].keys()) == ({"b": {"x": 2}}, {"x"})
    assert merged["d"] == {1: "a", "1": "b"}


def test_what_aliases_unfold_to_is_bounded() -> None:
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for name, before in zip("bcdef", "abcde", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    with pytest.raises(yaml.MarkedYAMLError, match="unfold to more than 100,000 values"):
        read_yaml("\n".join(lines))
    assert len(read_yaml("\n".join(lines[:3]))["c"][9][9]) == 10


def test_what_merge_keys_unfold_to_is_bounded() -> None:
    lines = ["a0: &a0 {k: 1}", *(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}" for n in range(20))]
    with pytest.raises(yaml.MarkedYAMLError, match="unfold to more than"):
        read_yaml("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 70 + "]" * 70, "- " * 70 + "1", "a: &a {b: *a}"])
def test_what_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match=r"nested too deeply|its own alias"):
        read_yaml(text)


@pytest.mark.parametrize("number", ["9" * 301, "1" + ":59" * 200, "0." + "3" * 400])
def test_a_number_of_hundreds_of_digits_is_refused(number: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="a number of"):
        read_yaml(f"a: {number}")
