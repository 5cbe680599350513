"""TIES: trim the task vectors, elect signs, merge what agrees.

    theta_out = theta_0 + lambda * mean over {i : sign(w_i tau_i) = elected} of trimmed tau_i

Yadav et al., TIES-Merging (arXiv 2306.01708), section 3. The k = density * n entries of largest magnitude of
each task vector stay, n being all merged parameters of the model (`trim=global`, the paper's) or those of one
tensor (`trim=tensor`, mergekit's). Entries that tie with the k-th largest all stay: in bfloat16 checkpoints
many do, and only their place in the file could choose among them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from adamms.errors import MergeError
from adamms.merging.arrays import at_least
from adamms.merging.kernel_params import KernelParams
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import MergeMethod, Parameter, Reduction, numbers_of
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, CONSENSUS, LAMBDA
from adamms.merging.task_vectors import add_to, disjoint_merge, preserved_l1, task_vectors

if TYPE_CHECKING:
    from torch import Tensor


def ties(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    lambda_: float,
    consensus: Literal["mean", "sum"],
    magnitudes: Sequence[tuple[float]] | None = None,
    scales: Sequence[float] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times what the trimmed task vectors agree on.

    Args:
        models: the base's values and the donors'.
        pretrained: the ancestor's.
        weights: one a model; they count in the election, too.
        lambda_: the merged task vector is multiplied by it.
        consensus: the mean of the agreeing entries, or their sum.
        magnitudes: each model's threshold, the k-th largest magnitude; None trims nothing.
        scales: each model's factor after trimming; None for 1.
    """
    deltas = trimmed(models, pretrained, magnitudes=magnitudes)
    if scales:
        deltas = [delta * scale for delta, scale in zip(deltas, scales, strict=True)]
    return add_to(pretrained, disjoint_merge(deltas, weights, consensus=consensus), lambda_=lambda_)


def kernel_params(
    weights: Sequence[float],
    *,
    lambda_: float,
    consensus: Literal["mean", "sum"],
    magnitudes: Sequence[tuple[float]] | None = None,
    scales: Sequence[float] | None = None,
) -> KernelParams:
    """The parameters of the fused kernel."""
    least = [threshold for (threshold,) in magnitudes] if magnitudes else None
    return KernelParams(weights, factors=scales, least=least, elect=consensus, lambda_=lambda_)


def trimmed(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    magnitudes: Sequence[tuple[float]] | None = None,
) -> "list[Tensor]":
    """The task vectors without what lies below their thresholds."""
    deltas = task_vectors(models, pretrained)
    if magnitudes is None:
        return deltas
    return [at_least(delta, threshold) for delta, (threshold,) in zip(deltas, magnitudes, strict=True)]


def _ranks(count: int, density: Sequence[float], series: int) -> tuple[int]:
    share = density[series]
    return (max(1, int(share * count)) if share else 0,)


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """The thresholds, and what `rescale=l1` must know.

    Raises:
        MergeError: the density varies over the model, whose entries are ranked together.
    """
    if all(number == 1 for number in numbers_of(settings, "density")):
        return ()
    varies = any(key.endswith("density") and isinstance(settings[key], dict | list) for key in settings)
    if settings["trim"] == "global" and varies:
        raise MergeError(
            "A density by depth or part ranks each tensor by itself: give trim=tensor as well, or one number."
        )
    scope = "model" if settings["trim"] == "global" else "tensor"
    thresholds = magnitude_reductions(task_vectors, _ranks, scope=scope)  # type: ignore[arg-type]
    rescale = (preserved_l1(task_vectors, trimmed),) if settings["rescale"] == "l1" else ()
    return (*thresholds, *rescale)


METHOD = MergeMethod(
    ties,
    summary="trim the task vectors to their largest entries, elect signs, average what agrees",
    source="Yadav et al., TIES-Merging (arXiv 2306.01708)",
    parameters=(
        ALPHA,
        BASE_WEIGHT,
        LAMBDA,
        Parameter("density", 0.2, "k, the share of entries kept", 0, 1, coefficient=True, per_model=True),
        Parameter(
            "trim",
            "global",
            "what is ranked together: the whole task vector (the paper's), or each tensor (mergekit's)",
            choices=("global", "tensor"),
        ),
        CONSENSUS,
        Parameter(
            "rescale",
            "none",
            "after trimming: nothing, or each tensor's L1 norm restored (l1)",
            choices=("none", "l1"),
        ),
    ),
    pretrained="needed",
    arrays="any",
    kernel=kernel_params,
    reductions=_reductions,
)
