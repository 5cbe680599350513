"""A race asks fewer questions and chooses as the full search does, nearly always."""

import json
import random

import numpy as np
import pytest

from adamms.errors import SearchError
from adamms.responses import Response, read_racing
from adamms.searching import AnswerTable, Racing, Selection, select
from adamms.searching.racing import CONFIDENCE, FLOOR, Race, contenders, sizes_of, still_needed
from adamms.searching.signals import find_signal

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
FAR = (0.3, 0.05, 0.05, 0.3, 0.3, 0.3)
"""How often neighbours differ: 0.2 is the only candidate with calm on both sides."""


def answers(inputs, rates=FAR, *, seed=0, sure=0.9):
    """Random answers whose neighbours differ with these probabilities."""
    draw = random.Random(seed)
    found = {alpha: {} for alpha in ALPHAS}
    for number in range(inputs):
        text = 0
        for alpha, rate in zip(ALPHAS, (0, *rates), strict=True):
            text += draw.random() < rate
            confidence = sure - alpha / 10 + draw.random() / 50
            found[alpha][f"q{number}"] = Response(f"q{number}", alpha, f"{text}", confidence=confidence)
    return found


def run(responses, rule="sum", *, gated=False, exhaustive=False, **settings):
    """A whole race over answers that are known beforehand: the race, and all that it asked."""
    ids = list(responses[0.0])
    race = Race.of(ids, list(responses), signal=find_signal(rule), gated=gated, seed=3, exhaustive=exhaustive)
    asked = {alpha: {} for alpha in responses}
    while not race.over:
        for alpha, wanted in race.wanted.items():
            asked[alpha] |= {id_: responses[alpha][id_] for id_ in wanted}
        race = race.after(asked, **settings)
    return race, asked


def chosen(race, asked, rule="sum", **settings):
    return select(race.compared(asked), rule=rule, racing=race.record, **settings)


def test_few_inputs_are_asked_in_one_go():
    assert sizes_of(FLOOR) == (FLOOR,)
    assert sizes_of(100) == (50, 75, 100)
    assert sizes_of(200) == (50, 75, 112, 168, 200)
    race, asked = run(answers(FLOOR))
    assert race.record is None
    assert list(asked[0.0]) == [f"q{number}" for number in range(FLOOR)]


def test_an_exhaustive_search_asks_everything_in_the_given_order():
    race, asked = run(answers(120), exhaustive=True)
    assert race.record is None
    assert list(asked[0.6]) == [f"q{number}" for number in range(120)]


def test_a_clear_choice_is_settled_early_and_is_the_full_searchs():
    everything = answers(400)
    race, asked = run(everything)
    given = sum(map(len, asked.values()))
    assert race.settled
    assert given == race.record.asked < race.record.of / 2 == 7 * 400 / 2
    assert chosen(race, asked).selected == select(everything).selected == 0.2


def test_a_search_is_asked_to_its_end_where_candidates_are_equal():
    race, _ = run(answers(100, (0.2,) * 6))
    assert (race.inputs, race.rounds) == (100, 3)


@pytest.mark.parametrize(("rule", "gated"), [("sum", False), ("confidence", False), ("plurality", True)])
def test_the_full_search_chooses_the_same_nearly_always(rule, gated):
    """Candidates of different merit, none of them far ahead: the risk that is promised is kept to."""
    other = 0
    for seed in range(25):
        everything = answers(150, (0.3, 0.12, 0.08, 0.1, 0.25, 0.3), seed=seed)
        race, asked = run(everything, rule, gated=gated)
        full = select(everything, rule=rule, gated=gated).selected
        other += chosen(race, asked, rule, gated=gated).selected != full
    assert other <= 25 * 3 * (1 - CONFIDENCE)


def test_what_a_live_candidate_is_compared_with_is_asked_on():
    table = AnswerTable.of(answers(60))
    only = np.array([alpha == 0.3 for alpha in ALPHAS])

    def asked(rule):
        return [
            alpha
            for alpha, keep in zip(ALPHAS, still_needed(only, table, find_signal(rule)), strict=True)
            if keep
        ]

    assert asked("sum") == [0, 0.2, 0.3, 0.4]
    assert asked("confidence") == [0, 0.3]
    assert asked("plurality") == asked("weighted-vote") == list(ALPHAS)


def test_a_vote_keeps_its_voters_and_only_ends_early():
    everything = answers(400, (0.02, 0.5, 0.5, 0.5, 0.5, 0.5))
    race, asked = run(everything, "plurality")
    assert race.record.dropped == ()
    assert len({len(answered) for answered in asked.values()}) == 1
    assert chosen(race, asked, "plurality").samples == race.inputs


def test_candidates_that_fell_out_are_named_and_not_compared():
    everything = answers(400, (0.05, 0.05, 0.3, 0.05, 0.06, 0.6), seed=2)
    race, asked = run(everything)
    selection = chosen(race, asked)
    assert race.record.dropped
    gone = {each.alpha: each.after for each in race.record.dropped}
    by_alpha = {each.alpha: each for each in selection.candidates}
    for alpha, after in gone.items():
        assert len(asked[alpha]) == after
        assert by_alpha[alpha].differences is None
        assert f"{alpha:g} after {after} inputs" in selection.verdict
    assert selection.samples == race.inputs
    # Beside a candidate that fell out there is nobody to compare with: the next one does not step in.
    first = next(index for index, alpha in enumerate(ALPHAS) if alpha in gone)
    assert by_alpha[ALPHAS[first - 1]].next is None
    for signal in selection.signals:
        if signal.note is None or "not computable" not in signal.note:
            assert all(signal.score(alpha) is None for alpha in gone)


def test_the_base_is_always_asked_as_the_yardstick():
    race, asked = run(answers(400, (0.9, 0.3, 0.05, 0.05, 0.3, 0.3)))
    assert race.settled
    assert len(asked[0.0]) == race.inputs


def test_a_collapsed_candidate_cannot_win_a_race():
    everything = answers(200, (0.05, 0.3, 0.3, 0.3, 0.0, 0.0))
    for alpha in (0.4, 0.5, 0.6):
        everything[alpha] = {id_: Response(id_, alpha, "") for id_ in everything[alpha]}
    race, asked = run(everything)
    assert chosen(race, asked).selected == select(everything).selected
    assert chosen(race, asked).selected not in (0.4, 0.5, 0.6)


def test_nothing_seen_is_not_nothing_to_come():
    """Fifty inputs on which all candidates agree do not settle that they always will."""
    table = AnswerTable.of(answers(50, (0.0,) * 6))
    signal = find_signal("sum")
    assert contenders(table, signal, left=450, risk=0.05, gated=False, seed=0).sum() > 1
    assert (
        contenders(table, signal, left=0, risk=0.05, gated=False, seed=0).tolist()
        == [False, True] + [False] * 5
    )


def test_the_same_answers_go_the_same_way(tmp_path):
    first, again = run(answers(300, seed=5)), run(answers(300, seed=5))
    assert first == again
    # Gone through again with everything at hand, as a resumed search does: the same rounds, the same end.
    everything = first[1]
    race = Race.of(list(answers(300)[0.0]), ALPHAS, signal=find_signal("sum"), gated=False, seed=3)
    while not race.over:
        race = race.after(everything)
    assert race == first[0]


def test_the_record_is_read_back(tmp_path):
    race, asked = run(answers(400, (0.05, 0.05, 0.3, 0.05, 0.06, 0.6), seed=2))
    selection = chosen(race, asked)
    data = json.loads(json.dumps(selection.to_json()))
    assert data["racing"]["asked"] == sum(map(len, asked.values()))
    assert data["racing"]["dropped"][0].keys() == {"alpha", "after"}
    assert Selection.from_json(data) == selection
    (tmp_path / "responses").mkdir()
    (tmp_path / "selection.json").write_text(json.dumps(data))
    assert read_racing(tmp_path) == read_racing([tmp_path / "responses"]) == race.record
    (tmp_path / "selection.json").write_text('{"racing": {"asked": 1}}')
    with pytest.raises(SearchError, match="damaged"):
        read_racing(tmp_path)
    assert Racing.from_json(race.record.to_json()) == race.record
