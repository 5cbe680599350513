"""A merge as parameters of the fused kernel, which does it in one pass over the stored values.

    theta_out = theta_0 + lambda * C_i(w_i * rescale_i * mask_i(tau_i)),   tau_i = theta_i - theta_0
    theta_out = sum_i w_i * rescale_i * theta_i                             where no ancestor is read

C is a sum, divided by `divisor`, or the sign consensus of TIES. A method of this form says so by a function
beside its pure one, which stays what the method is: `kernels.c` gives its bits, only faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KernelParams:
    """The numbers of one merge at one tensor; sequences hold one a model, the base's first.

    Attributes:
        weights: w_i.
        rescale: what a sparse task vector is multiplied by; None for 1.
        min_magnitude: task-vector entries of a smaller magnitude become 0; None trims nothing.
        max_magnitude: and so do those of this magnitude and larger; None trims nothing.
        keep_prob: the probability with which an entry stays; None drops nothing.
        sign_consensus: whether signs are elected, and what agrees is averaged by weight or added up.
        divisor: the sum is divided by it; 0 for none.
        lambda_: the merged task vector is multiplied by it.
    """

    weights: Sequence[float]
    rescale: Sequence[float] | None = None
    min_magnitude: Sequence[float] | None = None
    max_magnitude: Sequence[float] | None = None
    keep_prob: Sequence[float] | None = None
    sign_consensus: Literal["mean", "sum"] | None = None
    divisor: float = 0.0
    lambda_: float = 1.0
