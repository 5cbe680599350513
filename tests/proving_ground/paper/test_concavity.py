"""The four ways of counting, on curves drawn by hand."""

import pytest

from proving_ground.paper.concavity import (
    COUNTS,
    around_best,
    at_best,
    everywhere,
    one_hill,
    second_differences,
    shares,
    shares_by_chance,
)

HILL = (1, 3, 4, 4.5, 4, 3, 1)  # concave throughout
STEEP = (1, 1.5, 4, 5, 4, 1.5, 1)  # concave at the top, convex at the foot
SPIKE = (0, 0, 0, 5, 0, 0, 0)  # the best is a corner: convex right beside it
RAGGED = (3, 1, 2, 5, 4, 4.5, 1)  # a hill and a dip before it
FALLING = (7, 6, 5, 4, 3, 2, 1)  # a line: best at the end, concave nowhere
BENDING = (7, 6.9, 6.5, 6, 5, 3, 0)  # concave, best at the end
FLAT = (2, 2, 2, 2, 2, 2, 2)
LATE_TIE = (5, 4, 5, 4, 3, 2, 1)  # the best comes first at the end of the grid


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (HILL, (True, True, True, True)),
        (STEEP, (True, True, True, False)),
        (SPIKE, (True, False, True, False)),
        (RAGGED, (True, False, False, False)),
        (FALLING, (False, False, False, False)),
        (BENDING, (False, False, False, True)),
        (FLAT, (False, False, False, False)),
        (LATE_TIE, (False, False, False, False)),
    ],
)
def test_the_ways_of_counting(curve: tuple[float, ...], expected: tuple[bool, ...]) -> None:
    assert (at_best(curve), around_best(curve), one_hill(curve), everywhere(curve)) == expected


def test_second_differences_by_hand() -> None:
    assert second_differences((1, 3, 4, 4)) == [-1, -1]


def test_noise_below_a_billionth_is_no_bend() -> None:
    assert everywhere((0.1, 0.2, 0.3, 0.3 + 1e-12, 0.3 + 3e-12))


def test_shares_and_chance() -> None:
    assert shares([HILL, FLAT]) == dict.fromkeys(COUNTS, 0.5)
    # Three different values have their largest in the middle in one order of three.
    chance = shares_by_chance([(1, 2, 3)], shuffles=3000, seed=1)
    assert chance["at its best"] == pytest.approx(1 / 3, abs=0.03)
    assert chance == shares_by_chance([(1, 2, 3)], shuffles=3000, seed=1)
