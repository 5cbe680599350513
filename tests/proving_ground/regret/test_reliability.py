"""Verdicts by hand, and how often they are counted as right; fewer inputs; the reduced search's cost."""

from pathlib import Path

import numpy as np
import pytest

from adamms.searching.certainty import certainty_of
from adamms.searching.signals.witnesses import witnesses
from proving_ground.many.records import read_interviews
from proving_ground.regret.cells import Cell, cells
from proving_ground.regret.inputs import at_sizes
from proving_ground.regret.reading import everything_read, reduced_search
from proving_ground.regret.reliability import Said, certainty, read_verdicts, reliability, verdicts
from proving_ground.regret.rules import LABELS, all_rules, named
from proving_ground.regret.scoring import drawn

SLICE = Path(__file__).parents[2] / "data" / "zoo-many"
SOUND = np.array([True, True, True])
# Of four inputs: the second scores 1 more than the first on all, the third as much as the second or less.
APART = np.array([[0.0, 0.1, 0.0, 0.1], [1.0, 1.0, 1.1, 1.1], [0.2, 0.0, 0.1, 0.1]])
ALIKE = np.array([[0.0, 0.1, 0.0, 0.1], [1.0, 1.0, 1.1, 1.1], [1.2, 0.8, 1.3, 0.7]])
NOTHING = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.1], [1.0, 0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def every() -> list[Cell]:
    return [cell for interview in read_interviews(SLICE) for cell in cells(interview)]


@pytest.mark.parametrize(
    ("values", "row", "trusted", "verdict"),
    [
        (APART, 1, True, "clear"),
        (APART, 1, False, "close"),
        (APART[[1, 0, 2]], 0, True, "do-not-merge"),
        (APART[[1, 0, 2]], 0, False, "undecided"),
        (ALIKE, 1, True, "close"),  # two merges cannot be told apart, the base can
        (ALIKE[[1, 0, 2]], 0, True, "close"),  # the base and one merge
        (ALIKE[[2, 1, 0]], 1, True, "undecided"),  # a merge and the base
        (NOTHING, 0, True, "undecided"),
    ],
)
def test_verdicts_by_hand(values: np.ndarray, row: int, trusted: bool, verdict: str) -> None:
    assert certainty(values, row, sound=SOUND, trusted=trusted) == verdict


def test_a_collapsed_candidate_is_no_alternative() -> None:
    assert certainty(ALIKE, 1, sound=np.array([True, True, False]), trusted=True) == "clear"


def test_a_verdict_is_right_within_a_point(every: list[Cell]) -> None:
    said = [Said("clear", every[0], lost, 0.0) for lost in (0.0, 1.0, 1.5, 0.2)]
    (row,) = reliability([*said[:3], said[3], *(Said("other", every[0], 9.0, 9.0) for _ in range(4))])
    assert (row.verdict, row.said, row.right, row.right_of_all, row.pairs) == ("clear", 50.0, 75.0, 100.0, 1)
    assert row.interval == (75.0, 75.0)
    assert row.regret == pytest.approx(2.7 / 4)


def test_every_draw_gets_a_verdict(every: list[Cell]) -> None:
    for cell in every:
        assert len(verdicts(cell, draws=3)) == len(read_verdicts(cell, draws=3)) == 3


def test_labels_lose_less_with_more_inputs(every: list[Cell]) -> None:
    results = [result for cell in every for result in at_sizes(cell, named(all_rules(), (LABELS,)), draws=20)]
    few, most = (np.mean([result.regret for result in results if result.size == size]) for size in (10, 50))
    assert most < few


def test_the_reduced_search_reads_few_inputs_at_few_candidates(every: list[Cell]) -> None:
    for cell in every:
        choices = reduced_search(cell, drawn(cell, draws=4))
        assert len(choices) == 4
        assert all(0 < choice.prompts <= 5 * 25 + 15 for choice in choices)
        assert all(choice.scores.read[choice.row] for choice in choices)


def test_what_is_read_is_worth_at_most_the_logarithm_of_eleven_tenths(every: list[Cell]) -> None:
    for cell in every:
        values = everything_read(cell)
        assert values.shape == cell.right.shape
        assert (values <= np.log(1.1) + 1e-9).all()


def test_verdicts_are_the_products(every: list[Cell]) -> None:
    for cell in every:
        values, sound = witnesses(cell.table), cell.table.sound
        for number, columns in enumerate(drawn(cell, draws=3)):
            for row in (0, 2, 5):
                distrust = None if number else "The parents are not to be believed."
                product = certainty_of(
                    values[:, columns], cell.alphas, selected=row, eligible=sound, base=0, distrust=distrust
                )
                ours = certainty(values[:, columns], row, sound=sound, trusted=distrust is None)
                assert product.verdict == ours
