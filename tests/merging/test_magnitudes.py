"""The exact k-th largest magnitude, and what is kept by it; what else is written for both libraries."""

from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.merging.arrays import at_least, divide
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import call

# Multiples of 1/64, many of which tie.
grid = st.integers(-512, 512).map(lambda number: number / 64)


@given(npst.arrays(np.float32, st.integers(1, 60), elements=grid), st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_the_threshold_is_exactly_the_kth_largest_magnitude(values: np.ndarray, density: float) -> None:
    rank = max(1, int(density * len(values)))
    first, second = magnitude_reductions(lambda models: models, lambda: (rank,), scope="tensor")
    given_values: dict[str, Any] = {"models": [values]}
    statistics = call(first.finalize, {**given_values, "total": call(first.map, given_values)})
    given_values |= statistics
    statistics = call(second.finalize, {**given_values, "total": call(second.map, given_values)})
    ((threshold,),) = statistics["magnitudes"]
    assert threshold == sorted(np.abs(values).tolist(), reverse=True)[rank - 1]
    expected = np.where(np.abs(values) >= threshold, values, 0)
    np.testing.assert_array_equal(at_least(torch.from_numpy(values), threshold).numpy(), expected)
    # Wider values are ranked as float32, so the k-th itself is kept whichever way it was rounded.
    wide = values.astype(np.float64) * (1 - 1e-12)
    for found in (at_least(wide, threshold), at_least(torch.from_numpy(wide), threshold).numpy()):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, np.where(expected != 0, wide, 0))


def test_dividing_by_a_number_rounds_once():
    values = np.arange(1, 1000, dtype=np.float32)
    expected = (values.astype(np.float64) / 3.0).astype(np.float32)
    assert np.array_equal(divide(values.copy(), 3.0), expected)
    assert np.array_equal(divide(torch.from_numpy(values.copy()), 3.0).numpy(), expected)
