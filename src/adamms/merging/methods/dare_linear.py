"""DARE: drop entries of the task vectors at random, rescale the rest, and add them up.

    theta_out = theta_0 + lambda * sum_i w_i (m_i * tau_i) / (1 - p),   m_i ~ Bernoulli(1 - p)

Yu et al., Language Models are Super Mario (arXiv 2311.03099), section 3. p is the DROP rate. The masks depend
on the seed, the tensor's name and the element alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.draws import kept
from adamms.merging.kernel_params import KernelParams
from adamms.merging.method import MergeMethod, Parameter, Reduction
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, DROP, LAMBDA, NORMALIZE, SEED
from adamms.merging.task_vectors import add_to, preserved_l1, task_vectors, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor

RESCALE = Parameter(
    "rescale",
    "keep",
    "what is left is divided by 1 - p (keep, the paper's), or not at all (none), or brought back to its "
    "tensor's L1 norm (l1, mergekit's)",
    choices=("keep", "none", "l1"),
)


def dare_linear(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    draws: "Sequence[Tensor]",
    drop: Sequence[float],
    rescale: str,
    lambda_: float,
    normalize: bool,
    scales: Sequence[float] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times the weighted sum of the thinned task vectors.

    Args:
        models: the base's values and the donors'.
        pretrained: the ancestor's.
        weights: one a model.
        draws: random numbers, one tensor a model.
        drop: the share dropped, p, one a model.
        rescale: `keep` divides what is left by 1 - p; `l1` multiplies by `scales`; `none` does neither.
        lambda_: the merged task vector is multiplied by it.
        normalize: divide by the sum of the weights.
        scales: each model's factor for `l1`.
    """
    deltas = thinned(models, pretrained, draws=draws, drop=drop, rescale=rescale, scales=scales)
    return add_to(pretrained, weighted_sum(deltas, weights, normalize=normalize), lambda_=lambda_)


def thinned(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    draws: "Sequence[Tensor]",
    drop: Sequence[float],
    rescale: str,
    scales: Sequence[float] | None = None,
) -> "list[Tensor]":
    """The task vectors without what is dropped, rescaled."""
    deltas = task_vectors(models, pretrained)
    factors = rescaling(drop, rescale=rescale, scales=scales)
    for delta, drawn, share, factor in zip(deltas, draws, drop, factors, strict=True):
        delta *= kept(drawn, 1 - share)
        delta *= factor
    return deltas


def rescaling(drop: Sequence[float], *, rescale: str, scales: Sequence[float] | None) -> Sequence[float]:
    """What is left of each task vector is multiplied by it."""
    if rescale == "keep":
        return [1 / (1 - share) if share < 1 else 0.0 for share in drop]
    return scales or [1.0] * len(drop)


def kernel_params(
    weights: Sequence[float],
    *,
    drop: Sequence[float],
    rescale: str,
    lambda_: float,
    normalize: bool,
    scales: Sequence[float] | None = None,
) -> KernelParams:
    """The parameters of the fused kernel."""
    return KernelParams(
        weights,
        factors=rescaling(drop, rescale=rescale, scales=scales),
        kept=[1 - share for share in drop],
        divisor=sum(weights) if normalize else 0,
        lambda_=lambda_,
    )


def dare_reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """What `rescale=l1` must know of each tensor."""
    return (preserved_l1(task_vectors, thinned),) if settings["rescale"] == "l1" else ()


METHOD = MergeMethod(
    dare_linear,
    summary="drop entries of the task vectors at random, rescale by 1 / (1 - p), add up",
    source="Yu et al., Language Models are Super Mario (DARE, arXiv 2311.03099)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DROP, RESCALE, NORMALIZE, SEED),
    pretrained="needed",
    arrays="any",
    kernel=kernel_params,
    reductions=dare_reductions,
)
