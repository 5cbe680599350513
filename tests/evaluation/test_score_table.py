"""Gains, SUM and Top2 on small tables whose answers can be worked out by hand."""

from decimal import Decimal

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.score_summaries import distance_from_best, summed_gains
from adamms.evaluation.score_table import ScoreTable, make_scores, round_gain, round_score, score_table


def table(tasks: str, **rows: list[float | None]) -> ScoreTable:
    return score_table(make_scores("base", "donor", tasks.split(), rows))


def test_gains_sums_and_ranks() -> None:
    made = table(
        "a b", base=[50.1, 60], donor=[40.0, 70], linear=[46.05, 80], ties=[46.05, 64.9], dare=[44, 65.1]
    )
    rows = made.to_json()["rows"]

    assert rows["linear"] == {
        "scores": [46.05, 80.0],
        "gain": [1.0, 15.0],
        "sum": 126.05,
        "sum_gain": 16.0,
        "top2": 3,
    }
    # 0.1 + 0.2 and the like never show: 45.05 is the mean, and 64.9 - 65 is a tenth.
    assert rows["ties"]["gain"] == [1.0, -0.1]
    # Two share the best value on a, so 44 is the second highest distinct value.
    assert rows["dare"]["top2"] == 2
    assert rows["ties"]["top2"] == 2
    assert rows["base"] == {
        "scores": [50.1, 60.0],
        "gain": [None, None],
        "sum": 110.1,
        "sum_gain": None,
        "top2": None,
    }
    assert [row.marks for row in made.methods] == [
        ("best", "best", "best"),
        ("best", "", "second"),
        ("second", "second", ""),
    ]
    # The base is above every method on a, the donor nowhere.
    assert [row.marks for row in made.parents] == [("above", "", ""), ("", "", "")]


def test_missing_scores_take_what_rests_on_them_with_them() -> None:
    rows = table("a b", base=[50, None], donor=[40, 70], linear=[46, 80], ties=[None, 90]).to_json()["rows"]

    assert rows["linear"]["gain"] == [1.0, None]
    assert rows["linear"]["sum"] == 126.0
    assert rows["linear"]["sum_gain"] is None
    assert rows["linear"]["top2"] == 3
    assert rows["ties"] == {
        "scores": [None, 90.0],
        "gain": [None, None],
        "sum": None,
        "sum_gain": None,
        "top2": 1,
    }


def test_noise_of_binary_numbers_separates_nothing() -> None:
    made = table("a", base=[0], donor=[0], one=[0.1 + 0.2], two=[0.3], three=[0.2])

    assert [row.top2 for row in made.methods] == [2, 2, 2]
    assert [row.marks[0] for row in made.methods] == ["best", "best", "second"]


@pytest.mark.parametrize(
    ("gain", "printed"), [("1.665", "1.66"), ("-1.665", "-1.67"), ("1.6651", "1.67"), ("-0.005", "-0.01")]
)
def test_a_half_of_a_gain_is_rounded_downwards(gain: str, printed: str) -> None:
    assert round_gain(Decimal(gain)) == Decimal(printed)


def test_a_half_of_a_score_is_rounded_up() -> None:
    assert round_score(Decimal("46.775")) == Decimal("46.78")


def test_parents_without_methods_are_a_table() -> None:
    made = table("a", base=[1], donor=[2])

    assert [row.top2 for row in made.rows] == [None, None]
    assert [row.marks for row in made.rows] == [("", ""), ("", "")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": {"base": [1]}}, 'donor "donor" has no row .* base'),
        ({"donor": "base"}, "two models"),
        ({"tasks": ["a", "a"]}, '"a" is there twice'),
        ({"tasks": []}, "no tasks"),
        ({"tasks": ["Sum"]}, "worked out from the scores"),
        ({"rows": {"base": [1], "donor": [1, 2]}}, '"donor" has 2 scores for 1 tasks'),
        ({"rows": {"base": [1], "donor": [True]}}, 'of "donor" on a must be a number'),
        ({"rows": {"base": [1], "donor": ["1"]}}, 'of "donor" on a must be a number'),
        ({"rows": {"base": [1], "donor": [float("nan")]}}, "finite"),
        ({"rows": {"base": [1], "donor": [Decimal("1e999999")]}}, "finite"),
    ],
)
def test_what_is_no_table_is_said_in_one_sentence(arguments: dict[str, object], message: str) -> None:
    good = {"base": "base", "donor": "donor", "tasks": ["a"], "rows": {"base": [1], "donor": [2]}}

    with pytest.raises(EvaluationError, match=message) as caught:
        make_scores(**{**good, **arguments})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_gains_add_up_over_pairs_for_the_methods_of_all_of_them() -> None:
    one = table("a b", base=[10, 10], donor=[20, 20], ours=[16, 16], ties=[14, 10], extra=[1, 1])
    two = table("a b", base=[30, 30], donor=[40, 40], ours=[34, None], ties=[36, 35])

    summed = summed_gains([one, two])

    assert {row.name: row.columns for row in summed.rows} == {
        "ours": (Decimal(0), None, None),
        "ties": (Decimal(0), Decimal(-5), Decimal(-5)),
    }
    assert summed.parents == ()
    with pytest.raises(EvaluationError, match="different tasks"):
        summed_gains([one, table("a", base=[1], donor=[2])])
    with pytest.raises(EvaluationError, match="no method in common"):
        summed_gains([one, table("a b", base=[1, 1], donor=[2, 2], other=[1, 1])])


def test_the_distance_is_to_the_nearest_of_the_best() -> None:
    assert distance_from_best({0.1: 5, 0.2: 7, 0.3: 6, 0.4: 7}, 0.3) == Decimal("0.1")
    assert distance_from_best({0.1: -5.0, 0.3: -7.0}, 0.3) == Decimal("0.2")
    with pytest.raises(EvaluationError, match="no scores"):
        distance_from_best({}, 0.1)
