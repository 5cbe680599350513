"""How sure a choice is: the four verdicts, what they rest on, and the cases in which nothing can be told."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.errors import SearchError
from adamms.responses import DonorAnswers, Response
from adamms.searching import Selection, select
from adamms.searching.certainty import Certainty, certainty_of

ALPHAS = (0.0, 0.1, 0.2)
# Ten paired differences with mean 1 and standard error 1/3: beyond twice the noise.
NOISY = np.array([2.0, 0.0] * 5)


def judged(rows: list[Any], selected: int, **more: Any) -> Certainty:
    values = np.array(rows, dtype=float)
    eligible = more.pop("eligible", np.ones(len(values), dtype=bool))
    return certainty_of(values, ALPHAS, selected=selected, eligible=eligible, base=0, **more)


def test_clear_where_every_other_is_beaten_beyond_twice_the_noise() -> None:
    found = judged([NOISY * 0, NOISY - 1, NOISY], 2)
    assert (found.verdict, found.alternatives) == ("clear", ())
    assert found.over_base is not None and found.runner_up is not None
    assert (found.over_base.alpha, found.over_base.margin) == (0.0, 1.0)
    assert 0.2 < found.over_base.low < 0.8 < 1.2 < found.over_base.high < 1.8
    assert found.runner_up.margin == 1
    assert found.wins is not None and found.wins[0.2] > 0.99
    assert found.inputs_needed is None


def test_close_where_another_merge_cannot_be_told_apart() -> None:
    # Against 0.1: a mean of 0.5 with a standard error of 1/3.
    found = judged([NOISY * 0, NOISY * 0 + 0.5, NOISY], 2)
    assert (found.verdict, found.alternatives) == ("close", (0.1,))
    assert found.runner_up is not None and found.runner_up.alpha == 0.1
    # Twice the noise is 2/3, the margin 1/2: 10 (4/3)^2 inputs.
    assert found.inputs_needed == 18


def test_undecided_where_the_base_cannot_be_told_apart() -> None:
    found = judged([NOISY * 0 + 0.5, NOISY * 0 - 9, NOISY], 2)
    assert (found.verdict, found.alternatives, found.inputs_needed) == ("undecided", (0.0,), 18)


def test_the_base_that_beats_all_is_not_left() -> None:
    assert judged([NOISY, NOISY - 1, NOISY * 0], 0).verdict == "do-not-merge"
    assert judged([NOISY, NOISY * 0 + 0.5, NOISY * 0], 0).verdict == "close"
    assert judged([NOISY, NOISY * 0 + 0.5, NOISY * 0 + 0.5], 0).verdict == "undecided"


def test_what_is_not_believed_is_never_clear() -> None:
    clear, home = [NOISY * 0, NOISY - 1, NOISY], [NOISY, NOISY - 1, NOISY * 0]
    assert judged(clear, 2, distrust="Nobody knows.").verdict == "close"
    assert judged(home, 0, distrust="Nobody knows.").verdict == "undecided"
    assert judged(clear, 2, distrust="Nobody knows.").reasons == ("Nobody knows.",)


def test_a_base_that_answered_by_itself_is_compared_with() -> None:
    rows = [NOISY * 0 - 9, NOISY * 0 - 9, NOISY]

    def apart(own: Any, **more: Any) -> Certainty:
        values = np.array(rows)
        eligible = np.ones(3, dtype=bool)
        return certainty_of(values, ALPHAS, selected=2, eligible=eligible, base_values=own, **more)

    assert apart(NOISY * 0).verdict == "clear"
    alike = apart(NOISY * 0 + 0.5)
    assert (alike.verdict, alike.alternatives) == ("undecided", ())
    assert alike.reasons == ("The base alone cannot be told apart from it.",)
    assert alike.over_base is not None and alike.over_base.alpha is None
    assert apart(NOISY + 1).verdict == "do-not-merge"
    assert apart(NOISY + 1, distrust="Nobody knows.").verdict == "undecided"


@pytest.mark.parametrize(
    ("rows", "selected", "eligible", "verdict", "reason"),
    [
        ([NOISY] * 3, 0, [1, 1, 1], "undecided", "All candidates score alike on every input."),
        ([[0], [1], [2]], 2, [1, 1, 1], "undecided", "One input tells nothing apart."),
        ([NOISY * 0, NOISY, NOISY], 1, [0, 1, 0], "undecided", "Only one candidate can be chosen."),
        ([NOISY, NOISY, NOISY], 0, [0, 0, 0], "undecided", "Only one candidate can be chosen."),
    ],
)
def test_where_nothing_can_be_told(
    rows: list[Any], selected: int, eligible: list[int], verdict: str, reason: str
) -> None:
    found = judged(rows, selected, eligible=np.array(eligible, dtype=bool))
    assert (found.verdict, found.reasons[0]) == (verdict, reason)
    assert found.inputs_needed is None
    assert Certainty.from_json(found.to_json()) == found


def test_not_to_merge_takes_merges_that_were_tried_and_collapsed() -> None:
    only = np.array([1, 0, 0], dtype=bool)
    assert judged([NOISY] * 3, 0, eligible=only, collapsed=True).verdict == "do-not-merge"
    base = {0.0: {id_: Response(id_, 0.0, f"x{id_}", confidence=0.9) for id_ in "abcdefgh"}}
    donor = DonorAnswers({id_: replace(answer, alpha=1.0) for id_, answer in base[0.0].items()})

    def verdict(*others: str) -> str | None:
        merges = {
            place / 10: {id_: Response(id_, place / 10, text, confidence=0.9) for id_ in "abcdefgh"}
            for place, text in enumerate(others, start=1)
        }
        found = select({**base, **merges}, donors=[donor], rule="witnesses").certainty
        return found and found.verdict

    assert verdict() == "undecided"
    assert verdict("no", "no") == "do-not-merge"


def test_the_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(1).normal(size=(3, 30))
    first = judged(list(values), 1, seed=3)
    assert first == judged(list(values), 1, seed=3)
    assert first.wins != judged(list(values), 1, seed=4).wins
    assert first.wins is not None and sum(first.wins.values()) == pytest.approx(1)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_the_interval_is_about_two_standard_errors_wide(inputs: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 10 * inputs))
    found = certainty_of(values, (0.0, 0.1), selected=0, eligible=np.ones(2, dtype=bool), base=0)
    error = np.std(values[0] - values[1], ddof=1) / math.sqrt(10 * inputs)
    assert found.runner_up is not None
    assert found.runner_up.high - found.runner_up.low == pytest.approx(2 * 1.96 * error, rel=0.35)


# Confident parents that differ, and merges that side with the donor on the second half.
INPUTS = 40


def said(texts: list[str], sure: float, alpha: float = 1.0) -> dict[str, Response]:
    return {
        f"i{index:02}": Response(f"i{index:02}", alpha, text, confidence=sure)
        for index, text in enumerate(texts)
    }


def search(*, donor: list[str] | None = None, base: float = 0.6, sure: float = 0.99) -> dict[str, Any]:
    home = [f"a{index}" for index in range(INPUTS)]
    there = [f"b{index}" for index in range(INPUTS)] if donor is None else donor
    responses = {0.0: said(home, base, 0.0), 0.1: said(home, base, 0.1), 0.2: said(there, sure, 0.2)}
    return {"responses": responses, "donors": (DonorAnswers(said(there, sure)),)}


def test_a_clear_choice_says_so_in_words_and_reads_back() -> None:
    chosen = select(**search())
    assert (chosen.rule, chosen.selected) == ("witnesses", 0.2)
    assert chosen.certainty is not None and chosen.certainty.verdict == "clear"
    assert "Clear: every other alpha scores lower beyond twice the noise." in chosen.verdict
    assert "The donor's answer is some candidate's on 100% of the inputs." in chosen.notes
    data = chosen.to_json()
    assert (data["certainty"], data["alternatives"], data["fallback"]) == ("clear", [], None)
    assert Selection.from_json(data) == chosen


def test_a_donor_whose_answers_are_nobodys_is_distrusted() -> None:
    parts = search()
    foreign = DonorAnswers(said(["..."] * INPUTS, 0.99))
    chosen = select(parts["responses"], donors=(foreign,))
    assert "some candidate's on only 0% of the inputs: its word is distrusted." in chosen.verdict
    assert chosen.certainty is not None and chosen.certainty.verdict in ("close", "undecided")


def test_parents_at_a_loss_are_not_trusted() -> None:
    chosen = select(**search(base=0.3, sure=0.5))
    assert "Both parents are at a loss" in chosen.verdict
    assert chosen.certainty is not None and chosen.certainty.verdict != "clear"


def test_the_same_model_twice_gains_nothing() -> None:
    home = [f"a{index}" for index in range(INPUTS)]
    same = {alpha: said(home, 0.9, alpha) for alpha in (0.0, 0.1, 0.2)}
    chosen = select(same, donors=(DonorAnswers(said(home, 0.9)),))
    assert (chosen.selected, chosen.tied) == (0, (0, 0.1, 0.2))
    assert chosen.certainty is not None and chosen.certainty.verdict == "undecided"
    assert any("nothing is to gain" in note for note in chosen.notes)
    assert "All candidates score alike on every input." in chosen.verdict


def test_how_many_more_inputs_is_said() -> None:
    home = [f"a{index}" for index in range(INPUTS)]
    responses = {alpha: said(home, 0.9 - alpha, alpha) for alpha in (0.0, 0.1, 0.2)}
    # Surer on average by .01, but by .1 and by -.08 in turn.
    responses[0.2] = {
        id_: replace(answer, alpha=0.2, confidence=1.0 if index % 2 else 0.82)
        for index, (id_, answer) in enumerate(responses[0.0].items())
    }
    chosen = select(responses, donors=(DonorAnswers(said(home, 0.95)),))
    assert (chosen.selected, chosen.certainty.verdict) == (0.2, "undecided")  # type: ignore[union-attr]
    needed = chosen.certainty.inputs_needed  # type: ignore[union-attr]
    assert needed is not None and needed > INPUTS
    assert f"{needed - INPUTS} more inputs ({needed} in all)" in chosen.verdict


def test_without_a_donor_the_papers_rule_chooses_and_says_why() -> None:
    parts = search()
    chosen = select(parts["responses"])
    assert chosen.rule == "sum"
    assert "No donor's own answers are there, so the rule sum, the paper's, chose." in chosen.verdict
    asked = select(parts["responses"], rule="witnesses")
    assert asked.rule == "sum"
    assert "The rule witnesses cannot choose here: the donor's own answers are not there" in asked.verdict
    assert asked.fallback is not None and asked.to_json()["fallback"] == asked.fallback
    assert select(parts["responses"], rule="sum").fallback is None
    with pytest.raises(SearchError, match=r"so the rule sum, the paper's, chose\. .* only with --ends all"):
        select(parts["responses"], gated=True)
    unsure = (DonorAnswers({id_: Response(id_, 1, "b") for id_ in parts["responses"][0.0]}),)
    bare = select(parts["responses"], donors=unsure)
    assert (bare.rule, "carry no confidence" in bare.verdict) == ("sum", True)


def test_a_rule_that_was_not_measured_is_never_clear() -> None:
    parts = search()
    for rule in ("sum", "confidence", "weighted-vote"):
        chosen = select(parts["responses"], rule=rule)
        assert chosen.certainty is not None and chosen.certainty.verdict != "clear"
    right = {
        alpha: {id_: float(alpha == 0.2) for id_ in given} for alpha, given in parts["responses"].items()
    }
    labelled = select(parts["responses"], rule="labels", labels=right)
    assert labelled.certainty is not None and labelled.certainty.verdict == "clear"


def test_every_signal_stands_beside_the_witnesses() -> None:
    chosen = select(**search())
    own = chosen.signal("witnesses")
    assert own is not None and own.selected == 0.2
    assert [scores.name for scores in chosen.signals if scores.selected is not None][:2] == [
        "witnesses",
        "sum",
    ]
