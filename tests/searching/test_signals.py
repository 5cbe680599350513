"""Signals: by hand on a small table, what each lacks, and what holds for all of them."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.errors import SearchError
from adamms.responses import Response
from adamms.searching import AnswerTable, select
from adamms.searching.choosing import first, gains, subsets, winners, wins
from adamms.searching.signals import all_signals, find_signal, signal_names

# Four inputs over four candidates, one letter an answer; alpha 1 is there, so both parents are.
SPOKEN = {0.0: "aaaa", 0.2: "aabb", 0.4: "abbb", 1.0: "abcb"}
SURE = {0.0: (0.95, 0.5, 0.5, 0.5), 0.2: (0.9, 0.6, 0.99, 0.5), 0.4: (0.8,) * 4, 1.0: (0.7, 0.99, 0.4, 0.91)}


def answers(
    spoken: dict[float, Any],
    sure: dict[float, Any] | None = None,
    undecided: dict[float, Any] | None = None,
) -> dict[float, dict[str, Response]]:
    return {
        alpha: {
            f"i{index}": Response(
                f"i{index}",
                alpha,
                text,
                confidence=sure[alpha][index] if sure else None,
                entropy=undecided[alpha][index] if undecided else None,
            )
            for index, text in enumerate(texts)
        }
        for alpha, texts in spoken.items()
    }


def scores(name: str, **settings: Any) -> list[float]:
    return find_signal(name).scores(AnswerTable.of(answers(SPOKEN, SURE), **settings)).tolist()


def close(*values: float) -> Any:
    return pytest.approx(list(values), nan_ok=True)


NAN = math.nan


def mixed(spoken: dict[float, str], sure: dict[float, tuple[float, ...]]) -> list[float]:
    """Share of confidence^16 behind the same answer, plus confidence, written out input by input."""
    found = []
    for alpha, texts in spoken.items():
        numbers = []
        for index, text in enumerate(texts):
            cast = {other: sure[other][index] ** 16 for other in spoken}
            same = sum(votes for other, votes in cast.items() if spoken[other][index] == text)
            numbers.append(same / sum(cast.values()) + sure[alpha][index])
        found.append(sum(numbers) / len(numbers))
    return found


def test_the_signals_by_hand() -> None:
    # Neighbours differ in 2, 1 and 1 answers.
    assert scores("sum") == close(NAN, -3 / 4, -2 / 4, NAN)
    assert scores("any") == close(NAN, -3 / 4, -2 / 4, NAN)
    assert scores("previous") == close(NAN, -2 / 4, -1 / 4, -1 / 4)
    # Votes for input 1: a has .5^16 + .6^16, b has .8^16 + .99^16; for input 2: b has .99^16 + .8^16.
    assert scores("weighted-vote") == close(1 / 4, 3 / 4, 4 / 4, 3 / 4)
    assert scores("vote-and-confidence") == close(*mixed(SPOKEN, SURE))
    assert scores("confidence") == close(2.45 / 4, 2.99 / 4, 0.8, 3 / 4)
    # Of the base one answer is sure, three lie a little below the bar of .55.
    assert scores("confidence-sigmoid")[0] == pytest.approx((0.99859 + 3 * 0.24164) / 4, abs=1e-5)


def test_the_sigmoid_is_half_at_its_bar_and_hardly_cares_above_it() -> None:
    sure = {0.0: (0.55,) * 4, 0.2: (0.8,) * 4, 0.4: (1.0, 1.0, 1.0, 0.3), 1.0: (0.0,) * 4}
    table = AnswerTable.of(answers(SPOKEN, sure))
    unsure, middling, one_guess, lost = find_signal("confidence-sigmoid").scores(table).tolist()

    assert unsure == pytest.approx(0.5)
    assert lost == 0
    # A guess among four costs more than a little less confidence in all, where the mean sees the contrary.
    assert middling == pytest.approx(0.98897, abs=1e-5)
    assert one_guess == pytest.approx((3 * 0.99923 + 0.00069) / 4, abs=1e-5)
    mean = find_signal("confidence").scores(table).tolist()
    assert middling > one_guess and mean[1] < mean[2]


def test_entropy_is_better_when_it_is_lower() -> None:
    table = AnswerTable.of(answers(SPOKEN, undecided={alpha: (alpha, 1, 1, 1) for alpha in SPOKEN}))

    assert find_signal("first-token-entropy").scores(table).tolist() == close(-3 / 4, -3.2 / 4, -3.4 / 4, -1)


def test_names_and_their_aliases() -> None:
    assert signal_names()[:4] == ("witnesses", "sum", "any", "previous")
    assert len(signal_names()) == len(frozenset(signal_names())) == 9
    assert find_signal("paper").name == "sum"
    assert find_signal("sure-enough").name == "confidence-sigmoid"
    assert select(answers(SPOKEN), rule="paper") == select(answers(SPOKEN), rule="sum")
    with pytest.raises(SearchError, match=r"no rule 'best'; there is: witnesses, sum, any, .*paper"):
        find_signal("best")


SHORTEST = """
import numpy as np
from adamms.searching.signal import Signal

def shortest(table):
    return -np.array([[len(text) for text in row] for row in table.texts], dtype=float)

SIGNAL = Signal(shortest, summary="the shortest answers")
"""


def test_a_signal_of_another_package_chooses_and_stands_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SHORTEST)
    (tmp_path / "mine-1.dist-info").mkdir()
    (tmp_path / "mine-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    points = tmp_path / "mine-1.dist-info" / "entry_points.txt"
    run = tmp_path / "run"
    run.mkdir()
    for alpha, text in {"0.00": "abc", "0.10": "ab", "0.20": "a"}.items():
        (run / f"alpha={alpha}.jsonl").write_text(f'{{"id": "x", "response": "{text}"}}\n')

    def chosen(rule: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "adamms", "select", str(run), "--rule", rule]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    points.write_text("[adamms.signals]\nshortest = mine:SIGNAL\n")
    printed = chosen("shortest").stdout
    assert "alpha = 0.2: on 1 inputs its answers score best (-1 by the rule shortest" in printed
    assert "shortest" in chosen("sum").stdout
    points.write_text("[adamms.signals]\nlongest = mine:SIGNAL\n")
    renamed = chosen("longest")
    assert (renamed.returncode, "is named 'shortest'" in " ".join(renamed.stderr.split())) == (2, True)
    points.write_text("[adamms.signals]\nshortest = mine:NOTHING\n")
    absent = chosen("shortest")
    assert (absent.returncode, "cannot be loaded" in " ".join(absent.stderr.split())) == (2, True)
    # One package's mistake does not keep another signal from being found by name.
    assert find_signal("sum").name == "sum"


@pytest.mark.parametrize(
    ("rule", "lacking"),
    [
        ("confidence", "carry no confidence"),
        ("confidence-sigmoid", "carry no confidence"),
        ("weighted-vote", "carry no confidence"),
        ("vote-and-confidence", "carry no confidence"),
        ("first-token-entropy", "carry no entropy"),
    ],
)
def test_a_rule_that_needs_what_the_answers_lack_says_so(rule: str, lacking: str) -> None:
    bare = answers({0.0: "ab", 0.1: "ab", 0.2: "ab"})

    with pytest.raises(SearchError, match=rf"The rule {rule} cannot choose .*{lacking}"):
        select(bare, rule=rule)
    told = select(bare).signal(rule)
    assert told is not None
    assert told.selected is None
    assert told.note is not None and told.note.startswith("not computable: ")
    assert [score for _, score in told.scores] == [None, None, None]


def test_a_candidate_without_some_numbers_is_not_scored_and_has_no_vote() -> None:
    sure = {**SURE, 0.2: (None, 0.9, 0.9, 0.9)}
    table = AnswerTable.of(answers(SPOKEN, sure))

    assert np.isnan(find_signal("confidence").scores(table)).tolist() == [False, True, False, False]
    chosen = select(answers(SPOKEN, sure), rule="weighted-vote")
    assert chosen.selected == 0.4
    assert "alpha 0.2 lacks some of its numbers" in str(chosen.signal("weighted-vote").note)


def test_do_not_merge_is_an_answer_in_words() -> None:
    sure = {0.0: (0.9, 0.9), 0.1: (0.8, 0.8), 0.2: (0.7, 0.7)}
    selection = select(answers({0.0: "ab", 0.1: "ab", 0.2: "ab"}, sure), rule="confidence")

    assert selection.selected == 0
    assert "alpha = 0 (do not merge)" in selection.verdict
    assert "nothing beats the base" in selection.verdict


def test_what_only_the_order_of_a_sum_sets_apart_ties() -> None:
    # Both sum to 0.6, but in floats 0.1 + 0.2 + 0.3 is a little more.
    sure = {0.0: (0.1, 0.1, 0.1), 0.1: (0.1, 0.5, 0.0), 0.2: (0.1, 0.2, 0.3)}
    assert sum(sure[0.2]) > sum(sure[0.1])
    selection = select(answers({0.0: "aaa", 0.1: "aaa", 0.2: "aaa"}, sure), rule="confidence")
    assert (selection.selected, selection.tied) == (0.1, (0.1, 0.2))


def test_a_gate_keeps_the_base_for_a_gain_within_its_noise() -> None:
    # 0.1 gains .01 on every input, 0.2 much on some and loses as much on others.
    base = [0.5 + index / 100 for index in range(20)]
    sure = {
        0.0: base,
        0.1: [value + 0.01 for value in base],
        0.2: [value + (0.25 if index % 2 else -0.2) for index, value in enumerate(base)],
    }
    table = answers(dict.fromkeys(sure, "x" * 20), sure)

    assert select(table, rule="confidence").selected == 0.2
    gated = select(table, rule="confidence", gated=True)
    assert gated.selected == 0.1
    assert gated.gated
    told = gated.signal("confidence")
    assert told.gated == 0.1
    assert told.gain == pytest.approx(0.025)
    differences = [0.25 if index % 2 else -0.2 for index in range(20)]
    assert told.noise == pytest.approx(np.std(differences, ddof=1) / math.sqrt(20))
    noisy = answers(dict.fromkeys((0.0, 0.2, 0.3), "x" * 20), {**sure, 0.3: base})
    alone = select(noisy, rule="confidence", gated=True)
    assert alone.selected == 0
    assert "nothing beats the base beyond its noise" in alone.verdict


def test_one_input_is_never_beyond_its_noise() -> None:
    table = answers(dict.fromkeys((0.0, 0.1, 0.2), "x"), {0.0: (0.1,), 0.1: (0.9,), 0.2: (0.5,)})

    assert select(table, rule="confidence").selected == 0.1
    assert select(table, rule="confidence", gated=True).selected == 0


def test_a_gate_needs_a_signal_that_scores_the_base() -> None:
    table = answers(SPOKEN, SURE)
    with pytest.raises(SearchError, match="--ends all"):
        select(table, gated=True)
    with pytest.raises(SearchError, match="alpha 0 is not among the candidates"):
        select({alpha: table[alpha] for alpha in (0.2, 0.4, 1.0)}, rule="confidence", gated=True)
    assert select(table, gated=True, ends="all").selected in table


def test_collapsed_candidates_neither_win_nor_vote() -> None:
    spoken = {0.0: [f"{i % 5}" for i in range(20)], **{alpha: [""] * 20 for alpha in (0.1, 0.2, 0.3)}}
    sure = {alpha: (0.5 if alpha == 0 else 1.0,) * 20 for alpha in spoken}
    table = answers(spoken, sure, sure)

    for rule in ("weighted-vote", "confidence", "confidence-sigmoid"):
        chosen = select(table, rule=rule)
        assert chosen.selected == 0
        assert "every candidate has collapsed" in chosen.verdict
    assert chosen.signal("weighted-vote").scores[0] == (0.0, 1.0)
    with pytest.raises(SearchError, match="every one that the rule scores has collapsed"):
        select(table, rule="sum")


def test_a_base_that_is_broken_itself_is_left_for_a_candidate_that_is_not() -> None:
    spoken = {0.0: [""] * 20, 0.1: [""] * 20, 0.2: [f"{i % 5}" for i in range(20)]}
    sure = {alpha: (0.5 if alpha == 0.2 else 1.0,) * 20 for alpha in spoken}

    assert select(answers(spoken, sure), rule="confidence").selected == 0.2
    # Where all are, the base is what there is.
    spoken[0.2] = [""] * 20
    kept = select(answers(spoken, sure), rule="confidence")
    assert kept.selected == 0
    assert kept.notes


def test_repeats_tell_how_often_each_alpha_wins() -> None:
    table = answers(SPOKEN, SURE)
    selection = select(table, rule="confidence", repeats=50, subset=1, seed=3)

    assert selection.repeats is not None
    assert (selection.repeats.count, selection.repeats.size) == (50, 1)
    assert list(selection.repeats.wins) == list(SPOKEN)
    assert sum(selection.repeats.wins.values()) == 50
    # By single inputs: alpha 0, 1, 0.2 and 1 are the most sure, never 0.4.
    assert selection.repeats.wins[0.4] == 0
    assert all(selection.repeats.wins[alpha] > 0 for alpha in (0.0, 0.2, 1.0))
    assert select(table, rule="confidence", repeats=50, subset=1, seed=3) == selection
    assert select(table, rule="confidence", repeats=50, subset=1, seed=4) != selection
    assert select(table, rule="confidence", repeats=5).repeats.size == 2
    whole = select(table, rule="confidence", repeats=5, subset=4)
    assert whole.repeats.wins[whole.selected] == 5
    assert selection.to_json()["repeats"]["wins"].keys() == {"0", "0.2", "0.4", "1"}
    assert "Of 50 draws of 1 inputs" in selection.verdict
    with pytest.raises(SearchError, match="cannot be made from 4 inputs"):
        select(table, repeats=5, subset=5)


def test_a_selection_with_signals_reads_back() -> None:
    selection = select(answers(SPOKEN, SURE), rule="weighted-vote", gated=True, repeats=9)

    assert type(selection).from_json(selection.to_json()) == selection


@st.composite
def tables(draw: st.DrawFn) -> dict[float, dict[str, Response]]:
    """Up to six candidates on up to twelve inputs, with confidence and entropy."""
    alphas = [index / 5 for index in range(draw(st.integers(3, 6)))]
    inputs = draw(st.integers(1, 12))
    texts = st.lists(st.sampled_from(["yes", "no", "left"]), min_size=inputs, max_size=inputs)
    shares = st.lists(st.floats(0.01, 1), min_size=inputs, max_size=inputs)
    return answers(
        {alpha: draw(texts) for alpha in alphas},
        {alpha: draw(shares) for alpha in alphas},
        {alpha: draw(shares) for alpha in alphas},
    )


def choices(table: dict[float, dict[str, Response]]) -> dict[str, Any]:
    return {each.name: (each.selected, each.gated, each.scores) for each in select(table, ends="all").signals}


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_and_the_names_of_inputs_change_nothing(table: Any, draw: Any) -> None:
    ids = list(table[0.0])
    renamed = dict(zip(ids, draw.sample(ids, len(ids)), strict=True))
    shuffled = {
        alpha: {renamed[id_]: given[id_] for id_ in draw.sample(ids, len(ids))}
        for alpha, given in table.items()
    }

    assert choices(shuffled) == choices(table)


@settings(deadline=None)
@given(tables())
def test_a_signal_that_reads_a_candidate_alone_hears_nobody_else(table: Any) -> None:
    together = AnswerTable.of(table)
    alike = AnswerTable.of(dict.fromkeys(table, table[0.0]))

    for signal in all_signals():
        if signal.lacks(together) is None and signal.reads == "itself":
            assert signal.values(together)[0].tolist() == signal.values(alike)[0].tolist(), signal.name


@settings(deadline=None)
@given(tables(), st.booleans())
def test_identical_candidates_tie_to_the_smallest_alpha(table: Any, gated: bool) -> None:
    same = dict.fromkeys(table, table[0.0])

    for signal in all_signals():
        if signal.lacks(AnswerTable.of(same)) is None:
            chosen = select(same, rule=signal.name, ends="all", gated=gated)
            assert chosen.selected == 0
            assert chosen.tied == (() if gated else tuple(same))


@settings(deadline=None)
@given(tables())
def test_the_gate_only_ever_falls_back_to_the_base_or_a_better_candidate(table: Any) -> None:
    for each in select(table, ends="all").signals:
        if each.gated is None:
            continue
        assert each.gated == 0 or each.score(each.gated) > each.score(0.0)
        if each.selected == 0:
            assert each.gated == 0


@settings(deadline=None)
@given(tables(), st.integers(1, 12), st.integers(0, 5))
def test_many_subsets_at_once_are_the_subsets_one_by_one(table: Any, size: int, seed: int) -> None:
    found = AnswerTable.of(table, ends="all")
    size = min(size, len(found.ids))
    columns = subsets(len(found.ids), size=size, count=7, seed=seed)
    for name in ("sum", "confidence", "weighted-vote"):
        values = find_signal(name).values(found)
        together = wins(values, columns, allowed=found.sound, base=0, min_gain_se=1.5)
        alone = [
            int(first(winners(values[:, chosen], allowed=found.sound, base=0, min_gain_se=1.5)))
            for chosen in columns
        ]
        assert together.tolist() == alone


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_noise_of_a_paired_difference_is_its_standard_error(differences: list[float]) -> None:
    base = np.linspace(0, 1, len(differences))
    over = gains(np.array([base, base + differences]), base=0)

    assert over.gain[1] == pytest.approx(np.mean(differences), abs=1e-12)
    expected = np.std(differences, ddof=1) / math.sqrt(len(differences))
    assert over.noise[1] == pytest.approx(expected, abs=1e-12)
