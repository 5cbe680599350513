"""The cheap search's arithmetic by hand: what is read, what it is worth, and what lies between."""

import numpy as np
import pytest

from adamms.searching.parents import Parents
from adamms.searching.reading import differing, inputs_to_read, predicted, read_score, read_values

# Fourth powers of 1/2, 2/3 and 3/4: odds of 1, 2 and 3.
EVEN, TWO, THREE = 0.5**0.25, (2 / 3) ** 0.25, 0.75**0.25
PARENTS = Parents(
    texts=(("red", "two", "no"), ("blue", "it is two", "no")),
    confidence=np.array([[EVEN, EVEN, TWO], [THREE, TWO, EVEN]]),
)


def test_parents_differ_where_they_do_not_say_the_same() -> None:
    assert differing(PARENTS).tolist() == [True, False, False]


def test_what_a_reading_is_worth_by_hand() -> None:
    probable = np.log([[[0.4, 0.5, 0.9], [0.1, 0.3, 0.9]], [[0.1, 0.9, 0.9], [0.8, 0.0001, 0.9]]])
    values = read_values(PARENTS, probable, [0, 1, 2])
    # They differ: 1/5 and 3/5. They agree: odds 1 x 2 twice, so 2/3, of which a half counts.
    first = [np.log(0.5) / 5 + 3 * np.log(0.2) / 5, np.log(0.2) / 5 + 3 * np.log(0.9) / 5]
    second = [np.log(0.6) / 3, np.log(1.0) / 3]
    third = [np.log(1.0) / 3] * 2
    assert values.T.tolist() == [pytest.approx(column) for column in (first, second, third)]


def test_every_kind_of_input_weighs_as_often_as_it_occurs() -> None:
    probable = np.log([[[0.4, 0.5], [0.1, 0.3]], [[0.1, 0.9], [0.8, 0.0001]]])
    score = read_score(PARENTS, probable, [0, 1])
    values = read_values(PARENTS, probable, [0, 1])
    assert score.tolist() == pytest.approx((values[:, 0] / 3 + 2 * values[:, 1] / 3).tolist())


def test_disagreements_are_read_first_and_the_draw_is_seeded() -> None:
    texts = tuple("abcdefgh")
    other = ("x", "b", "x", "d", "x", "f", "x", "h")
    parents = Parents((texts, other), np.full((2, 8), 0.9))
    drawn = inputs_to_read(parents, seed=1, disagreements=3, agreements=2)
    assert [column % 2 for column in drawn] == [0, 0, 0, 1, 1]
    assert drawn == inputs_to_read(parents, seed=1, disagreements=3, agreements=2)
    assert sorted(inputs_to_read(parents, seed=2)) == list(range(8))
    assert len({tuple(inputs_to_read(parents, seed=seed)) for seed in range(5)}) > 1


def test_candidates_between_lie_on_the_parabola_through_the_nearest_three() -> None:
    def curve(alpha: float) -> np.ndarray:
        return np.array([-1 - (alpha - 0.2) ** 2, -5 * alpha])

    known = {alpha: curve(alpha) for alpha in (0.0, 0.3, 0.6)}
    assert predicted(known, 0.1) == pytest.approx(curve(0.1))
    assert predicted(known, 0.5) == pytest.approx(curve(0.5))
    # A fourth that is far off counts for nothing; nothing is likelier than 1.
    assert predicted({**known, 5.0: np.array([-100.0, -100.0])}, 0.2) == pytest.approx(curve(0.2))
    assert predicted({0.0: np.array([-0.1]), 0.3: np.array([0.0])}, 0.6).tolist() == [0.0]
