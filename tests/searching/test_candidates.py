"""The candidates: ranges and lists of alphas."""

import pytest

from adamms.errors import SearchError
from adamms.searching.candidates import parse_alphas


@pytest.mark.parametrize(
    ("text", "alphas"),
    [
        ("0:0.6:0.1", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
        ("0,0.1,0.5", (0.0, 0.1, 0.5)),
        (" 0.5, 0.1 ,0, 0.50", (0.0, 0.1, 0.5)),
        ("0:0.3:0.1,0.6", (0.0, 0.1, 0.2, 0.3, 0.6)),
        ("0:0.6:0.25", (0.0, 0.25, 0.5)),
        ("0.2:0.3:0.05", (0.2, 0.25, 0.3)),
        ("0:0:0.1,0.5,1", (0.0, 0.5, 1.0)),
    ],
)
def test_ranges_and_lists_are_ascending_unique_and_exact(text: str, alphas: tuple[float, ...]) -> None:
    assert parse_alphas(text) == alphas


@pytest.mark.parametrize(("step", "count"), [("0.02", 31), ("0.05", 13), ("0.1", 7)])
def test_the_papers_granularities(step: str, count: int) -> None:
    alphas = parse_alphas(f"0:0.6:{step}")

    assert len(alphas) == count
    assert alphas == tuple(round(index * float(step), 10) for index in range(count))
    # Any part of the range has the same spelling of the same alphas, so answers can be shared.
    assert parse_alphas(f"0.2:0.4:{step}") == tuple(alpha for alpha in alphas if 0.2 <= alpha <= 0.4)


def test_both_ends_of_a_fine_range_are_included() -> None:
    alphas = parse_alphas("0:1:0.001")

    assert len(alphas) == 1001
    assert alphas[-1] == 1.0
    assert alphas[300] == 0.3


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not a number"),
        ("0,x,1", "'x'"),
        ("0,nan,1", "not a number"),
        ("0,inf,1", "not a number"),
        ("0:0.6", "start:stop:step"),
        ("0:0.6:0.1:2", "start:stop:step"),
        ("0:0.6:0", "step > 0"),
        ("0.6:0:0.1", "start <= stop"),
        ("0:0.6:-0.1", "-0.1"),
        ("0,0.5,1.5", "1.5"),
        ("-0.1,0.5,1", "-0.1"),
        ("0:1:1e-999999", "larger step"),
        ("0:1:0.0001", "larger step"),
        ("0,0.5", "2 candidates"),
        ("0.3", "1 candidate;"),
        ("0.3,0.3,0.30", "1 candidate;"),
    ],
)
def test_what_is_not_understood_is_named(text: str, part: str) -> None:
    with pytest.raises(SearchError, match=r".") as caught:
        parse_alphas(text)
    assert part in str(caught.value)
