"""Random numbers that depend on the seed, the tensor, the model and the element, and on nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.merging.draws import CHUNK, SeededDraws, keep_mask


@given(st.integers(0, 3 * CHUNK), st.integers(1, 300), st.integers(1, 299))
@settings(max_examples=20, deadline=None)
def test_draws_depend_on_the_element_and_not_on_the_block(start: int, count: int, cut: int) -> None:
    cut = min(cut, count)
    whole = SeededDraws(3).draw("a", 1, start, count)
    draws = SeededDraws(3)
    parts = [draws.draw("a", 1, start + cut, count - cut)] if cut < count else []
    np.testing.assert_array_equal(np.concatenate([draws.draw("a", 1, start, cut), *parts]), whole)


def test_draws_are_the_same_on_every_machine() -> None:
    assert SeededDraws(0).draw("model.norm.weight", 0, 0, 6).tolist() == EXPECTED_DRAWS
    others = [("x", 0, 0), ("model.norm.weight", 1, 0), ("model.norm.weight", 0, CHUNK)]
    for name, model, start in others:
        assert SeededDraws(0).draw(name, model, start, 6).tolist() != EXPECTED_DRAWS
    assert SeededDraws(1).draw("model.norm.weight", 0, 0, 6).tolist() != EXPECTED_DRAWS


EXPECTED_DRAWS = [5219, 32580, -8448, 20444, 26629, 10967]


def test_a_seeds_masks_are_pinned() -> None:
    bits = {
        share: "".join(
            str(int(bit)) for bit in keep_mask(SeededDraws(7).draw("lm_head.weight", 1, 65_530, 32), share)
        )
        for share in (0.1, 0.5)
    }
    assert bits == EXPECTED_MASKS


EXPECTED_MASKS = {0.1: "00000000001000110001010000000001", 0.5: "00010100001110111001111100000101"}


def test_the_share_kept_is_what_was_asked() -> None:
    drawn = SeededDraws(0).draw("a", 0, 0, 1 << 20)
    for share in (0.1, 0.5, 0.9):
        assert float(keep_mask(drawn, share).mean()) == pytest.approx(share, abs=0.002)
    assert bool(keep_mask(drawn, 1.0).all())
    assert not bool(keep_mask(drawn, 0.0).any())
