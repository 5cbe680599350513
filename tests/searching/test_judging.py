"""Candidates beside the grid of alphas, judged by themselves or by the votes cast on it."""

import pytest

from adamms.errors import SearchError
from adamms.responses import Response
from adamms.searching.judging import Judge
from adamms.searching.signals import find_signal


def answers(texts: str, confidence: float | None = 0.5) -> dict[str, Response]:
    """One letter an input."""
    return {f"{i:02}": Response(f"{i:02}", 0.0, text, confidence=confidence) for i, text in enumerate(texts)}


GRID = {0.0: answers("aaab"), 0.1: answers("abbb"), 0.2: answers("abcb", 0.9)}


def test_votes_are_those_of_the_grid_whatever_the_new_candidate_says() -> None:
    plurality = Judge.of("plurality", GRID)
    assert plurality.winners == ("a", "b", "a", "b")
    assert plurality.score(answers("abxx")).values.tolist() == [1, 1, 0, 0]
    # 0.9^16 outvotes two votes of 0.5^16.
    weighted = Judge.of("weighted-vote", GRID)
    assert weighted.winners == ("a", "b", "c", "b")
    assert weighted.score(answers("abcx", None)).values.tolist() == [1, 1, 1, 0]


def test_letter_case_counts_as_it_does_for_the_choice() -> None:
    assert Judge.of("plurality", GRID).score(answers("ABAB")).values.sum() == 0
    assert Judge.of("plurality", GRID, fold_case=True).score(answers("ABAB")).values.sum() == 4


@pytest.mark.parametrize("rule", ["confidence", "confident-share", "sure-enough"])
def test_a_rule_of_its_own_says_what_it_says_on_the_grid(rule: str) -> None:
    from adamms.searching import AnswerTable

    judge, table = Judge.of(rule, GRID), AnswerTable.of(GRID)
    for row, alpha in enumerate(GRID):
        expected = find_signal(rule).values(table)[row].tolist()
        assert judge.score(GRID[alpha]).values.tolist() == expected


def test_right_answers_are_handed_in() -> None:
    judge = Judge.of("labels", GRID)
    right = {"00": 1.0, "01": 0.5, "02": 0.0, "03": 0.3}
    assert judge.score(GRID[0.1], labels=right).values.tolist() == [1.0, 0.5, 0.0, 0.3]


def test_collapse_is_judged_by_the_base() -> None:
    base = answers("abcdefghij")
    judge = Judge.of("confidence", {0.0: base, 0.1: base, 0.2: base})
    assert judge.score(answers("a" * 10)).disqualified is not None
    assert judge.score(answers("abcdefghia")).disqualified is None


def test_votes_by_confidence_need_it() -> None:
    with pytest.raises(SearchError, match="no confidence"):
        Judge.of("weighted-vote", {0.0: answers("ab", None), 0.1: answers("ab", None)})
