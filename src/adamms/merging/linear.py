"""Linear interpolation, the method of the paper (equation 1).

    theta_out = (1 - alpha) * theta_1 + alpha * f(theta_1)

A pure function on tensors: it knows no names, files, dtypes on disk or devices.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def linear(base: "Tensor", donor: "Tensor", *, alpha: float) -> "Tensor":
    """Interpolate two tensors of one shape, the donor weighted by `alpha`.

    Args:
        base: the base's values, float32 (float64 for a float64 checkpoint), any shape.
        donor: the donor's values for the same entries, same shape and dtype.
        alpha: the donor's weight, dimensionless; 0 gives the base bit for bit, 1 the donor.

    Returns:
        A tensor of the same shape and dtype. Each product and the sum are rounded once in that dtype, as
        the equation is written; no fused multiply-add, so the result is the same on every machine.
    """
    if alpha == 0:
        return base
    if alpha == 1:
        return donor
    return (base * (1 - alpha)).add_(donor * alpha)
