"""A merge written as numbers, so that compiled code can do it in one pass over the stored values.

    theta_out = theta_0 + lambda * C_i(w_i * factor_i * mask_i(tau_i)),   tau_i = theta_i - theta_0
    theta_out = sum_i w_i * factor_i * theta_i                              where no ancestor is read

C is a sum, divided by `divisor`, or the election of signs of TIES. A method whose rule has this form says so
by a function beside its pure one, which stays what the method is: `compiled` gives its bits, only faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KernelParams:
    """The numbers of one merge at one tensor; sequences hold one a model, the base's first.

    Attributes:
        weights: w_i.
        factors: what a sparse task vector is multiplied by; None for 1.
        least: task-vector entries of a smaller magnitude become 0; None trims nothing.
        most: and so do those of this magnitude and larger; None trims nothing.
        kept: the probability with which an entry stays; None drops nothing.
        elect: whether signs are elected, and what agrees is averaged by weight or added up.
        divisor: the sum is divided by it; 0 for none.
        lambda_: the merged task vector is multiplied by it.
    """

    weights: Sequence[float]
    factors: Sequence[float] | None = None
    least: Sequence[float] | None = None
    most: Sequence[float] | None = None
    kept: Sequence[float] | None = None
    elect: Literal["mean", "sum"] | None = None
    divisor: float = 0.0
    lambda_: float = 1.0

    @property
    def is_weighted_sum(self) -> bool:
        """Whether nothing is done but weighing and adding up."""
        return self == KernelParams(self.weights)

    def used(self, *, origin: bool) -> list[int]:
        """The models that are looked at, by number: not those of weight 0, where no origin is read."""
        every = list(range(len(self.weights)))
        return every if origin else [at for at in every if self.weights[at]] or [0]
