"""Difference counts: hand-computed, against the published scripts' counts, and their properties."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamms.errors import SearchError
from adamms.searching.consistency import difference_counts

CASES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data/search/selection_cases.json").read_text(encoding="utf-8")
)

# Three inputs over four candidates: input 1 never changes, input 2 changes once, input 3 always.
SMALL = {0.0: ["a", "b", "c"], 0.1: ["a", "b", "d"], 0.2: ["a", "x", "e"], 0.3: ["a", "x", "f"]}


def scores(answers: dict[float, list[str]], **settings: Any) -> list[float | None]:
    return [counts.differences for counts in difference_counts(answers, metric="exact", **settings)]


def test_the_counts_of_a_small_example_by_hand() -> None:
    counts = difference_counts(SMALL, rule="sum", metric="exact")

    assert [each.alpha for each in counts] == [0.0, 0.1, 0.2, 0.3]
    assert [each.previous for each in counts] == [None, 1, 2, 1]
    assert [each.next for each in counts] == [1, 2, 1, None]
    assert scores(SMALL, rule="sum") == [None, 3, 3, None]
    assert scores(SMALL, rule="any") == [None, 2, 2, None]
    assert scores(SMALL, rule="previous") == [None, 1, 2, 1]


def test_the_ends_can_be_scored_by_their_one_neighbour() -> None:
    assert scores(SMALL, rule="sum", ends="all") == [2, 3, 3, 2]
    assert scores(SMALL, rule="any", ends="all") == [1, 2, 2, 1]
    assert scores(SMALL, rule="previous", ends="all") == [1, 1, 2, 1]
    assert scores(SMALL, rule="previous", ends="interior") == [None, 1, 2, None]


def test_alphas_are_ordered_as_numbers() -> None:
    shuffled = {alpha: SMALL[alpha] for alpha in (0.3, 0.0, 0.2, 0.1)}

    assert difference_counts(shuffled, rule="sum", metric="exact") == difference_counts(
        SMALL, rule="sum", metric="exact"
    )
    # As texts, 1e-05 would come after 0.5.
    assert [
        each.alpha
        for each in difference_counts({1e-05: ["a"], 0.5: ["a"], 0.0: ["a"]}, rule="sum", metric="exact")
    ] == [0.0, 1e-05, 0.5]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("official", "rule", "fold_case"),
    [
        ("algorithm1_paper", "sum", False),
        ("official_limit", "any", True),
        ("official_qwen", "previous", True),
    ],
)
def test_the_published_counts_come_out(case: str, official: str, rule: str, fold_case: bool) -> None:
    expected = CASES[case][official]
    answers = {
        float(alpha): [text.lower() if fold_case else text for text in texts]
        for alpha, texts in CASES[case]["responses"].items()
    }

    counts = [
        each for each in difference_counts(answers, rule=rule, metric="exact") if each.differences is not None
    ]

    assert [each.alpha for each in counts] == [float(alpha) for alpha in expected["alphas"]]
    assert [each.differences for each in counts] == expected["differences"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_fewer_than_three_candidates_cannot_be_compared(number: int) -> None:
    with pytest.raises(SearchError, match="at least three alphas"):
        difference_counts({alpha / 10: ["a"] for alpha in range(number)}, rule="sum", metric="exact")


@pytest.mark.parametrize("setting", ["rule", "metric", "ends"])
def test_an_unknown_name_is_answered_with_the_known_ones(setting: str) -> None:
    settings = {"rule": "sum", "metric": "exact", "ends": "interior"}
    known = settings[setting]
    settings[setting] = "fuzzy"

    with pytest.raises(SearchError, match=f"'fuzzy'; there is: .*{known}"):
        difference_counts(SMALL, **settings)


answer_tables = st.integers(3, 6).flatmap(
    lambda candidates: st.lists(
        st.lists(st.sampled_from(["yes", "no", "left", "42"]), min_size=candidates, max_size=candidates),
        min_size=1,
        max_size=12,
    )
)
rules = st.sampled_from(["sum", "any", "previous"])
ends = st.sampled_from([None, "interior", "all"])


def columns(rows: list[list[str]]) -> dict[float, list[str]]:
    return {index / 10: [row[index] for row in rows] for index in range(len(rows[0]))}


@given(answer_tables, rules, ends, st.permutations(["yes", "no", "left", "42"]))
def test_renaming_answers_changes_no_count(
    rows: list[list[str]], rule: str, end: str | None, names: list[str]
) -> None:
    renamed = [[names[["yes", "no", "left", "42"].index(answer)] for answer in row] for row in rows]

    assert scores(columns(renamed), rule=rule, ends=end) == scores(columns(rows), rule=rule, ends=end)


@given(answer_tables, rules, ends, st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_does_not_matter(
    rows: list[list[str]], rule: str, end: str | None, random: Any
) -> None:
    shuffled = random.sample(rows, len(rows))

    assert scores(columns(shuffled), rule=rule, ends=end) == scores(columns(rows), rule=rule, ends=end)


@given(answer_tables, ends)
def test_sum_lies_between_any_and_twice_any(rows: list[list[str]], end: str | None) -> None:
    summed = scores(columns(rows), rule="sum", ends=end)
    either = scores(columns(rows), rule="any", ends=end)

    for total, once in zip(summed, either, strict=True):
        assert (total is None) == (once is None)
        if total is not None and once is not None:
            assert once <= total <= 2 * once
            assert isinstance(total, int)


@given(answer_tables)
def test_reversing_the_candidates_reverses_the_symmetric_rules(rows: list[list[str]]) -> None:
    reversed_rows = [row[::-1] for row in rows]

    for rule in ("sum", "any"):
        assert scores(columns(reversed_rows), rule=rule) == scores(columns(rows), rule=rule)[::-1]
