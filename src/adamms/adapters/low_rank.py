"""The arithmetic of an adapter on rows of a weight: LoRA's sum of products, DoRA's lengths.

Every element is computed by itself and in one order, so a row's values do not depend on which rows are asked
for together, on threads or on a processor's vector width. That is why no matrix product is used, whose sums
are ordered as the library likes.
"""

import numpy as np

from adamms.checkpoints.floats import Values

# Elements worked on together: two such arrays of float32 stay in a core's second cache.
TILE = 1 << 16


def add_low_rank(weight: Values, left: Values, right: Values | None, *, scaling: float) -> None:
    """Add `scaling * left @ right` to `weight`, in place.

    Args:
        weight: (rows, width).
        left: (rows, r), of the weight's dtype.
        right: (r, width), of the weight's dtype; None for ones, where `left` is (rows, 1).
        scaling: the factor.
    """
    rows, width = weight.shape
    factor = weight.dtype.type(scaling)
    if right is None:
        weight += left * factor
        return
    step = max(TILE // max(width, 1), 1)
    total = np.empty((min(step, rows), width), weight.dtype)
    product = np.empty_like(total)
    for start in range(0, rows, step):
        part = weight[start : start + step]
        sums, products = total[: len(part)], product[: len(part)]
        columns = left[start : start + step]
        np.multiply(columns[:, :1], right[0], out=sums)
        for k in range(1, len(right)):
            np.multiply(columns[:, k : k + 1], right[k], out=products)
            sums += products
        sums *= factor
        part += sums


def scale_rows(weight: Values, magnitude: Values) -> bool:
    """Give every row of `weight` (rows, width) its length in `magnitude` (rows), in place (DoRA, equation 5).

    Returns:
        False where a row is all zeros and has no direction.
    """
    lengths = row_lengths(weight)
    if not lengths.all():
        return False
    weight *= (magnitude / lengths)[:, None]
    return True


def row_lengths(weight: Values) -> Values:
    """The Euclidean length of every row, in the weight's dtype; summed in float64, by halves."""
    squares = np.square(weight.astype(np.float64))
    width = squares.shape[1]
    while width > 1:
        half = width // 2
        squares[:, :half] += squares[:, width - half : width]
        width -= half
    return np.sqrt(squares[:, 0]).astype(weight.dtype)
