"""Reading instead of answering: which inputs, what it is worth, where the parabola points; by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from adamms.errors import SearchError
from adamms.responses import LineWriter
from adamms.responses.candidate_opinions import CandidateOpinion, read_candidate_opinions
from adamms.searching.parents import Parents
from adamms.searching.read_choice import chosen_by_reading
from adamms.searching.read_search import (
    ReadScores,
    first_to_read,
    inputs_to_read,
    next_to_read,
    read_scores,
)
from adamms.searching.selection import Reading, Selection

GRID = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def opinion(alpha: float, id_: str, *probabilities: float, tokens: int = 2) -> CandidateOpinion:
    logs = tuple(math.log(probability) for probability in probabilities)
    return CandidateOpinion(alpha, id_, logs, (tokens,) * len(logs))


def parents(base: tuple[str, ...], donor: tuple[str, ...]) -> Parents:
    return Parents((base, donor), np.full((2, len(base)), 0.9))


def test_inputs_on_which_the_parents_differ_come_first() -> None:
    ids = [str(number) for number in range(40)]
    base = ["red"] * 40
    donor = ["blue" if number < 18 else "It is red." for number in range(40)]
    read = inputs_to_read(ids, [base, donor], seed=0)
    assert len(read) == 25 == len(dict.fromkeys(read))
    assert all(int(id_) < 18 for id_ in read[:15])
    assert all(int(id_) >= 18 for id_ in read[15:])
    assert read == inputs_to_read(ids, [base, donor], seed=0) != inputs_to_read(ids, [base, donor], seed=1)
    assert len(inputs_to_read(ids[:3], [base[:3], donor[:3]], seed=0)) == 3
    assert len(inputs_to_read(ids, [base, base], seed=0)) == 10


def test_what_reading_is_worth() -> None:
    """One input on which they differ, one on which the donor says the same in other words."""
    both = parents(("red", "two"), ("blue", "it is two"))
    chances = np.array([[0.6, 0.9], [0.3, 0.9]])
    opinions = {
        0.5: {"a": opinion(0.5, "a", 0.4, 0.9), "b": opinion(0.5, "b", 0.7, 0.01)},
        1.0: {"a": opinion(1.0, "a", 0.1, 0.2), "b": opinion(1.0, "b", 0.2, 0.9)},
    }
    scores = read_scores((0.5, 1.0), opinions, ["a", "b"], both, chances, differing=0.75)
    expected = [
        [0.6 * math.log(0.5) + 0.3 * math.log(1.0), 0.5 * 0.9 * math.log(0.8)],
        [0.6 * math.log(0.2) + 0.3 * math.log(0.3), 0.5 * 0.9 * math.log(0.3)],
    ]
    assert scores.values.tolist() == [pytest.approx(row) for row in expected]
    assert scores.best() == 0 and scores.read == (True, True)
    # Of all inputs they differ on three quarters.
    assert scores.means.tolist() == pytest.approx([0.75 * row[0] + 0.25 * row[1] for row in expected])


def test_a_lead_has_the_noise_of_both_kinds() -> None:
    """Gaps 1, 3 where they differ (half of all inputs), 0, 0, 3 where they agree."""
    values = np.array([[1.0, 3.0, 0.0, 0.0, 3.0], [0.0] * 5])
    kinds = ((np.array([0, 1]), 0.5), (np.array([2, 3, 4]), 0.5))
    lead, noise = ReadScores((0.0, 1.0), values, (True, True), kinds).lead(0, 1)
    assert lead == pytest.approx(0.5 * 2 + 0.5 * 1)
    assert noise == pytest.approx(math.sqrt(0.25 * 2 / 2 + 0.25 * 3 / 3))


def test_a_long_answer_counts_by_its_mean() -> None:
    both, chances = parents(("red",), ("blue",)), np.array([[1.0], [0.0]])
    long = CandidateOpinion(0.0, "a", (-40.0, -40.0), (80, 80))  # -.5 a token: as -4 of eight
    short = CandidateOpinion(1.0, "a", (-4.0, -4.0), (8, 8))
    scores = read_scores(
        (0.0, 1.0), {0.0: {"a": long}, 1.0: {"a": short}}, ["a"], both, chances, differing=0.4
    )
    assert scores.values[0] == pytest.approx(scores.values[1])


def test_the_ends_and_the_middle_then_the_best_and_its_neighbours() -> None:
    assert first_to_read(GRID) == [0.0, 0.3, 0.6]
    assert first_to_read((0.0, 0.5, 1.0)) == [0.0, 0.5, 1.0]
    assert first_to_read((0.0, 0.4)) == [0.0, 0.4]
    both, chances = parents(("red",), ("blue",)), np.array([[1.0], [0.0]])

    def read_at(*alphas: float) -> ReadScores:
        """A log-probability of -4 (alpha - .2)^2 - .1, which a parabola meets."""
        logs = {alpha: -4 * (alpha - 0.2) ** 2 - 0.1 for alpha in alphas}
        opinions = {
            alpha: {"a": CandidateOpinion(alpha, "a", (log, log), (1, 1))} for alpha, log in logs.items()
        }
        return read_scores(GRID, opinions, ["a"], both, chances, differing=0.4)

    first = read_at(0.0, 0.3, 0.6)
    assert first.means.tolist() == pytest.approx(
        [math.log(math.exp(-4 * (alpha - 0.2) ** 2 - 0.1) + 0.1) for alpha in GRID]
    )
    assert first.allowed() == [True, False, False, True, False, False, True]
    assert next_to_read(first) == [0.1, 0.2]
    then = read_at(0.0, 0.1, 0.2, 0.3, 0.6)
    assert next_to_read(then) == []
    assert then.alphas[then.best(then.allowed())] == 0.2
    assert then.alphas[then.best(then.allowed([0.2]))] == 0.1  # of 0.1 and 0.3, which tie, the smaller


def test_opinions_are_kept_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "opinions.jsonl"
    kept = [
        opinion(0.1, "a", 0.5, 0.25),
        CandidateOpinion(0.1, "é", (-math.inf, -1.0, -2.0), (1, 2, 3)),
    ]
    with LineWriter(file) as out:
        out.lines(entry.to_json() for entry in kept)
    with file.open("a") as out:
        out.write('{"id": "torn')
    assert read_candidate_opinions(file) == kept
    with LineWriter(file) as out:
        out.lines([kept[0].to_json()])
    assert read_candidate_opinions(file) == [*kept, kept[0]]
    assert read_candidate_opinions(tmp_path / "nothing.jsonl") == []
    file.write_text('{"id": "a", "alpha": 0.1, "base": 0.5, "donor": -1, "tokens": [1, 1]}\n')
    with pytest.raises(SearchError, match=r"line 1: not .* with log-probabilities, numbers up to 0"):
        read_candidate_opinions(file)


def scored(*rows: list[float], tells: bool = True) -> ReadScores:
    """Candidates 0, .5, 1 that were read, on inputs of one kind."""
    values = np.array(rows)
    kinds = ((np.arange(values.shape[1]), 1.0),)
    return ReadScores((0.0, 0.5, 1.0), values, (True,) * 3, kinds, tells)


def chosen(scores: ReadScores, *, distrust: str | None = None, **reasons: str) -> Selection:
    out = {float(alpha.strip("a").replace("_", ".")): reason for alpha, reason in reasons.items()}
    return chosen_by_reading(scores, out, samples=100, seed=0, rule="witnesses", distrust=distrust)


def test_how_sure_a_choice_by_reading_is() -> None:
    """Leads of 1 +- .1 are beyond twice their noise, of .1 +- .7 are not."""
    low, high, noisy = [-1.1, -0.9, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 1.0, 0.5, -0.9]

    clear = chosen(scored(low, high, low))
    assert clear.certainty is not None and clear.certainty.over_base is not None
    assert (clear.selected, clear.certainty.verdict, clear.certainty.alternatives) == (0.5, "clear", ())
    assert clear.certainty.over_base.margin == pytest.approx(1.0)
    noise = math.sqrt(0.02 / 3 / 4)
    assert clear.certainty.over_base.low == pytest.approx(1 - 1.96 * noise)
    assert "Clear" in clear.verdict and "on 4 of 100 inputs" in clear.verdict

    def word(scores: ReadScores, **options: str) -> tuple[float, str, tuple[float, ...]]:
        selection = chosen(scores, **options)
        assert selection.certainty is not None
        return selection.selected, selection.certainty.verdict, selection.certainty.alternatives

    undecided = chosen(scored(noisy, high, low))
    assert undecided.certainty is not None and undecided.certainty.over_base is not None
    lead, spread = undecided.certainty.over_base.margin, np.std(noisy, ddof=1) / 2
    needed = math.ceil(4 * (2 * spread / lead) ** 2)
    assert undecided.certainty.inputs_needed == needed > 4
    assert (
        f"it would take {needed} inputs to tell it from the runner-up, and 4 were read" in undecided.verdict
    )

    assert word(scored(low, high, low), distrust="Unsure.") == (0.5, "close", ())
    assert word(scored(low, high, noisy)) == (0.5, "close", (1.0,))
    assert word(scored(noisy, high, low)) == (0.5, "undecided", (0.0,))
    assert word(scored(high, low, low)) == (0.0, "undecided", ())
    assert word(scored(high, noisy, low)) == (0.0, "close", (0.5,))
    assert word(scored(low, high, low, tells=False)) == (0.0, "undecided", (0.5, 1.0))
    assert word(scored(low, high, low), a0_5="says nothing") == (0.0, "undecided", (1.0,))
    only = chosen(scored(low, high, low), a0_0="empty", a1_0="empty")
    assert only.certainty is not None and only.certainty.reasons == ("Only one candidate can be chosen.",)


def test_a_choice_by_reading_reads_back() -> None:
    selection = chosen(scored([-1.0, -1.0], [0.0, 0.5], [-1.0, -0.5]), a1_0="says nothing")
    assert selection.reading == Reading(2, (0.0, 0.5, 1.0))
    assert Selection.from_json(json.loads(json.dumps(selection.to_json()))) == selection
    assert "Disqualified as collapsed: 1." in selection.verdict
