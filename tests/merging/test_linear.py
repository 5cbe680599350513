import hypothesis.extra.numpy as npst
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from adamms.merging.methods.linear import linear as weighted_sum

floats = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


def linear(base: torch.Tensor, donor: torch.Tensor, *, alpha: float) -> torch.Tensor:
    return weighted_sum([base, donor], weights=(1 - alpha, alpha))


vectors = npst.arrays(np.float32, st.integers(1, 40), elements=floats)
alphas = st.floats(0, 1)


def test_linear_by_hand() -> None:
    base = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    donor = torch.tensor([[5.0, -2.0], [3.0, 0.0]])
    expected = torch.tensor([[2.0, 1.0], [3.0, 3.0]])
    assert torch.equal(linear(base, donor, alpha=0.25), expected)


@given(vectors, alphas)
def test_equation_1_with_every_operation_rounded_once(base: np.ndarray, alpha: float) -> None:
    donor = base[::-1].copy()
    expected = np.float32(1 - alpha) * base + np.float32(alpha) * donor
    merged = linear(torch.from_numpy(base), torch.from_numpy(donor), alpha=alpha).numpy()
    np.testing.assert_array_equal(merged, expected)


@given(vectors)
def test_the_ends_are_the_parents_bit_for_bit(base: np.ndarray) -> None:
    base[0] = -0.0
    donor = np.full_like(base, np.inf)
    assert (
        linear(torch.from_numpy(base), torch.from_numpy(donor), alpha=0).numpy().tobytes() == base.tobytes()
    )
    assert (
        linear(torch.from_numpy(donor), torch.from_numpy(base), alpha=1).numpy().tobytes() == base.tobytes()
    )


@given(vectors, alphas)
def test_inputs_are_left_alone(base: np.ndarray, alpha: float) -> None:
    before = base.tobytes()
    donor = torch.from_numpy(base[::-1].copy())
    linear(torch.from_numpy(base), donor, alpha=alpha)
    assert base.tobytes() == before
