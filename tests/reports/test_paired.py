"""Two models on the same questions: the interval is of the differences, question by question."""

import math

import pytest

from adamms.reports.paired import paired_difference


def test_the_interval_is_that_of_the_differences() -> None:
    ours = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0, "only ours": 1.0}
    base = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}

    pair = paired_difference("ours", ours, "base", base)

    # 0, 1, 0, 1: mean 1/2, variance 1/3, standard error sqrt(1/12).
    assert pair is not None
    assert (pair.inputs, pair.difference) == (4, 0.5)
    assert pair.high == pytest.approx(0.5 + 1.959964 * math.sqrt(1 / 12))
    assert pair.low == pytest.approx(0.5 - 1.959964 * math.sqrt(1 / 12))
    assert not pair.is_clear
    assert str(pair) == (
        "ours against base: +50.0 points, 95 % interval -6.6 to +106.6 (paired, 4 inputs); these inputs do "
        "not tell them apart."
    )


def test_what_both_answer_alike_does_not_widen_it() -> None:
    base = {str(at): float(at % 2) for at in range(100)}
    pair = paired_difference("ours", base | {"0": 1.0, "2": 1.0, "4": 1.0, "6": 1.0, "8": 1.0}, "base", base)

    assert pair is not None
    assert pair.is_clear
    assert pair.low == pytest.approx(0.0070, abs=1e-4)


def test_one_shared_question_says_nothing() -> None:
    assert paired_difference("ours", {"a": 1.0, "b": 0.0}, "base", {"a": 0.0, "c": 1.0}) is None
