"""Model Breadcrumbs: leave out the largest entries of the task vectors and the many small ones.

    theta_out = theta_0 + lambda * sum_i w_i (m_i * tau_i)

Davari and Belilovsky, Model Breadcrumbs (arXiv 2312.06795), section 3. m_i removes, tensor by tensor, the top
`gamma` share by magnitude and keeps the next `density` share. Where there are too few, fewer of the largest
are removed (as mergekit does). Entries that tie with a limit are on the kept side of the lower one and on the
removed side of the upper one.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.arrays import at_least
from adamms.merging.kernel_params import KernelParams
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import MergeMethod, Parameter, Reduction, numbers_of
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, LAMBDA, NORMALIZE
from adamms.merging.task_vectors import add_to, task_vectors, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor

DENSITY = Parameter("density", 0.1, "the share of entries kept", 0, 1, coefficient=True, per_model=True)
GAMMA = Parameter(
    "gamma", 0.01, "the share of the largest entries removed", 0, 1, coefficient=True, per_model=True
)


def breadcrumbs(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    lambda_: float,
    normalize: bool,
    magnitudes: Sequence[tuple[float, float]] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times the weighted sum of the sparse task vectors.

    Args:
        models: the base's values and the donors'.
        pretrained: the ancestor's.
        weights: one a model.
        lambda_: the merged task vector is multiplied by it.
        normalize: divide by the sum of the weights.
        magnitudes: each model's limits: the least magnitude removed, and the least kept; None keeps all.
    """
    deltas = crumbs(models, pretrained, magnitudes=magnitudes)
    return add_to(pretrained, weighted_sum(deltas, weights, normalize=normalize), lambda_=lambda_)


def kernel_params(
    weights: Sequence[float],
    *,
    lambda_: float,
    normalize: bool,
    magnitudes: Sequence[tuple[float, float]] | None = None,
) -> KernelParams:
    """The parameters of the fused kernel."""
    most, least = zip(*magnitudes, strict=True) if magnitudes else (None, None)
    divisor = sum(weights) if normalize else 0
    return KernelParams(weights, least=least, most=most, divisor=divisor, lambda_=lambda_)


def crumbs(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    magnitudes: Sequence[tuple[float, float]] | None = None,
) -> "list[Tensor]":
    """The task vectors without their largest and their small entries."""
    deltas = task_vectors(models, pretrained)
    if magnitudes is None:
        return deltas
    return [
        at_least(delta, low) - at_least(delta, high)
        for delta, (high, low) in zip(deltas, magnitudes, strict=True)
    ]


def ranks(count: int, density: Sequence[float], gamma: Sequence[float], series: int) -> tuple[int, int]:
    """The rank of the last entry removed from the top, and of the last one kept."""
    target = int(density[series] * count)
    top = min(int(gamma[series] * count), count - target)
    return top, top + target


def crumb_reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """The passes that find each tensor's limits."""
    everything = all(number == 1 for number in numbers_of(settings, "density"))
    return () if everything else magnitude_reductions(task_vectors, ranks, scope="tensor")


METHOD = MergeMethod(
    breadcrumbs,
    summary="task arithmetic without the largest entries of the task vectors and the many small ones",
    source="Davari and Belilovsky, Model Breadcrumbs (arXiv 2312.06795)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DENSITY, GAMMA, NORMALIZE),
    pretrained="needed",
    reductions=crumb_reductions,
    arrays="any",
    kernel=kernel_params,
)
