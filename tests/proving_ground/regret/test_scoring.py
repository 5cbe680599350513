"""The regret table against code that shares nothing with it, on a slice of the published answers."""

import bz2
import json
import random
from collections.abc import Callable
from itertools import pairwise
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from proving_ground.many.records import CANDIDATES, read_interviews
from proving_ground.regret.__main__ import main
from proving_ground.regret.cells import cells
from proving_ground.regret.differences import difference
from proving_ground.regret.rules import PAPER, all_rules
from proving_ground.regret.scoring import CHOOSING, DRAWS, SEED, Outcome, outcomes, summarise

SLICE = Path(__file__).parents[2] / "data" / "zoo-many"
Question = dict[str, Any]
Scores = Callable[[list[Question]], list[float | None]]


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    every = [cell for interview in read_interviews(SLICE) for cell in cells(interview)]
    return [outcome for cell in every for outcome in outcomes(cell, all_rules())]


def published() -> dict[tuple[str, str, str], list[Question]]:
    """The questions by pair, seed and task, as they stand in the files."""
    groups: dict[tuple[str, str, str], list[Question]] = {}
    for path in sorted(SLICE.glob("*.jsonl.bz2")):
        lines = bz2.decompress(path.read_bytes()).decode().splitlines()
        header, *asked = map(json.loads, lines)
        for each in asked:
            groups.setdefault((header["pair"], header["seed"], each["task"]), []).append(each)
    return groups


def paper(asked: list[Question]) -> list[float | None]:
    changes = [
        sum(each["given"][place] != each["given"][place + 1] for each in asked)
        for place in range(CANDIDATES - 1)
    ]
    return [None, *(-(one + two) for one, two in pairwise(changes)), None]


def confidence(asked: list[Question]) -> list[float | None]:
    return [sum(each["confidence"][place] for each in asked) for place in range(CANDIDATES)]


def confidence_sigmoid(asked: list[Question]) -> list[float | None]:
    shares = [[each["confidence"][place] / 550 for each in asked] for place in range(CANDIDATES)]
    return [sum(1 - 1 / (1 + share**12) for share in row) for row in shares]


def same(left: str, right: str) -> bool:
    """Equal, or the words of one stand in a row in the other; none of these answers is empty or has marks."""
    return f" {left} " in f" {right} " or f" {right} " in f" {left} "


def taste(asked: list[Question]) -> float:
    """By how much theta_0 prefers the base's wording where both parents say the same in other words."""
    gaps = []
    for question in asked:
        base, donor = question["given"][0], question["alone"]
        if base != donor and same(question["said"][base], question["said"][donor]):
            heard = question.get("ancestor_likelihood")
            gaps += [(heard[base] - heard[donor]) / 100] if heard else []
    return median(gaps) if len(gaps) >= 3 else 0.0


def beliefs(question: Question, gap: float) -> tuple[float, float]:
    """How probably the base's and the donor's answer are right."""
    base, donor = question["given"][0], question["alone"]
    powers = [min(question["confidence"][place] / 1000, 0.999) ** 4 for place in (0, -1)]
    by_base, by_donor = (power / (1 - power) for power in powers)
    if heard := question.get("ancestor_likelihood"):
        likelier = max(heard[base] / 100 - min(gap, 0), -12) - max(heard[donor] / 100 + max(gap, 0), -12)
        by_base, by_donor = by_base * exp(likelier / 4), by_donor / exp(likelier / 4)
    if same(question["said"][base], question["said"][donor]):
        return (by_base * by_donor / (1 + by_base * by_donor),) * 2
    return by_base / (1 + by_base + by_donor), by_donor / (1 + by_base + by_donor)


def witnesses(asked: list[Question]) -> Scores:
    gap = taste(asked)

    def scores(drawn: list[Question]) -> list[float | None]:
        totals = [0.0] * CANDIDATES
        for question in drawn:
            said, answers = question["said"], question["given"][:CANDIDATES]
            of_base, of_donor = beliefs(question, gap)
            for place, answer in enumerate(answers):
                if same(said[answer], said[answers[0]]):
                    totals[place] += of_base
                elif same(said[answer], said[question["alone"]]):
                    totals[place] += of_donor
                alike = answers[1:].count(answer)
                totals[place] += question["confidence"][place] / 2000 + alike / (CANDIDATES - 1) / 4
        return list(totals)

    return scores


def reading(asked: list[Question]) -> Scores:
    gap = taste(asked)

    def scores(drawn: list[Question]) -> list[float | None]:
        totals = [0.0] * CANDIDATES
        for question in drawn:
            base, donor = question["given"][0], question["alone"]
            agree = same(question["said"][base], question["said"][donor])
            # Where both say the same, the base's wording counts, a half.
            counted = [(base, beliefs(question, gap)[0] / 2)]
            if not agree:
                counted = list(zip((base, donor), beliefs(question, gap), strict=True))
            for number, weight in counted:
                # The older files do not say how probable what no candidate answered is.
                known = question["likelihood"]
                row = known[number] if number < len(known) else [-1500] * CANDIDATES
                for place in range(CANDIDATES):
                    totals[place] += weight * log(exp(row[place] / 100) + 0.1)
        return list(totals)

    return scores


def entropy(asked: list[Question]) -> list[float | None]:
    return [-sum(each["entropy"][place] for each in asked) for place in range(CANDIDATES)]


def vote(power: int) -> Callable[[list[Question]], list[float | None]]:
    def scores(asked: list[Question]) -> list[float | None]:
        agreed = [0] * CANDIDATES
        for each in asked:
            votes: dict[int, float] = {}
            for place in range(CANDIDATES):
                said = each["given"][place]
                votes[said] = votes.get(said, 0.0) + (each["confidence"][place] / 1000) ** power
            won = max(votes, key=lambda said: votes[said])
            for place in range(CANDIDATES):
                agreed[place] += each["given"][place] == won
        return list(agreed)

    return scores


def labels(drawn: list[Question]) -> list[float | None]:
    return [sum(right(question, place) for question in drawn) for place in range(CANDIDATES)]


def right(question: Question, place: int) -> bool:
    answer = question["given"][place]
    if "correct" in question:
        return answer in question["correct"]
    return bool(question["said"][answer] == question["truth"])


def regret(asked: list[Question], scores: Scores) -> float:
    asked = sorted(asked, key=lambda each: each["id"])
    draw = random.Random(SEED)
    lost = []
    for _ in range(DRAWS):
        drawn = set(draw.sample(range(len(asked)), min(CHOOSING, len(asked) // 2)))
        found = scores([each for number, each in enumerate(asked) if number in drawn])
        rest = [each for number, each in enumerate(asked) if number not in drawn]
        share = [sum(right(each, place) for each in rest) / len(rest) for place in range(CANDIDATES)]
        best = max(value for value in found if value is not None)
        chosen = next(place for place, value in enumerate(found) if value == best)
        lost.append(max(share) - share[chosen])
    return 100 * sum(lost) / len(lost)


@pytest.mark.parametrize(
    ("rule", "scores"),
    [
        ("sum (the paper's)", lambda asked: paper),
        ("confidence", lambda asked: confidence),
        ("confidence-sigmoid", lambda asked: confidence_sigmoid),
        ("first-token-entropy", lambda asked: entropy),
        ("witnesses", witnesses),
        ("read everything", reading),
        ("labels of the same inputs", lambda asked: labels),
        ("weighted-vote", lambda asked: vote(16)),
        ("always 0.2", lambda asked: lambda drawn: [float(place == 2) for place in range(CANDIDATES)]),
    ],
)
def test_independent_code_finds_the_same_regret(
    rule: str, scores: Callable[[list[Question]], Scores], found: list[Outcome]
) -> None:
    ours = {
        (each.cell.header.pair, each.cell.header.seed, each.cell.task): each.regret
        for each in found
        if each.rule == rule
    }
    theirs = {name: regret(asked, scores(asked)) for name, asked in published().items()}
    assert ours.keys() == theirs.keys()
    assert max(theirs.values()) > 0
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


def test_never_merging_gains_nothing_and_the_best_rule_of_a_cell_loses_least(found: list[Outcome]) -> None:
    never = summarise([each for each in found if each.rule == "never merge"])
    assert never.over_base == 0
    assert never.worst >= never.regret > 0
    assert all(each.regret >= 0 and 0 <= each.near <= 100 for each in found)
    assert all(each.rank is None or -1 <= each.rank <= 1 for each in found)
    for one in found:
        if one.rule == "always 0.1":
            assert one.over_tenth == 0


def test_the_gate_never_leaves_the_base_where_the_signal_itself_stays(found: list[Outcome]) -> None:
    gated = {each.rule for each in found if each.rule.endswith(", gated")}
    assert "confidence, gated" in gated
    assert not any(rule.startswith("sum") for rule in gated)


def test_the_tables_come_as_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--answers", str(SLICE), "--draws", "2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("## Points lost")
    assert "### Regret by kind of task" in told
    for rule in all_rules():
        assert f"| {rule.name} |" in told
    assert "donor alone" in told


def test_a_difference_is_of_the_same_cells_and_its_interval_of_whole_pairs(found: list[Outcome]) -> None:
    none = difference(found, rule=PAPER, paper=PAPER)
    assert (none.mean, none.by_pairs, none.by_cells, none.below) == (0, (0, 0), (0, 0), 0)

    means = [
        summarise([each for each in found if each.rule == rule]).regret for rule in ("always 0.4", PAPER)
    ]
    other = difference(found, rule="always 0.4", paper=PAPER)
    assert other.mean == pytest.approx(means[0] - means[1])
    assert other.by_cells[0] < other.mean < other.by_cells[1]
    # A pair that is drawn is drawn whole, so one alone leaves nothing to chance.
    header = found[0].cell.header
    alone = difference([each for each in found if each.cell.header == header], rule="always 0.4", paper=PAPER)
    assert alone.by_pairs == pytest.approx((alone.mean, alone.mean))
    assert alone.by_cells[0] < alone.by_cells[1]
    assert (alone.pairs, alone.below) == (1, int(alone.mean < 0))


def test_a_folder_without_answers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--answers", str(tmp_path)]) == 2
    assert "holds no answers" in capsys.readouterr().err
