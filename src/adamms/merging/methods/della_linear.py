"""DELLA without the election: drop entries by their rank in their row, rescale each by its odds, add up.

    keep_i from density - epsilon (the row's smallest magnitude) to density + epsilon (its largest), linearly
    theta_out = theta_0 + lambda * sum_i w_i (m_i * tau_i / keep_i),   m_i ~ Bernoulli(keep_i)

Deep et al., DELLA-Merging (arXiv 2406.11617), section 3 (MAGPRUNE). A tensor of one dimension is one row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError
from adamms.merging.draws import kept
from adamms.merging.method import MergeMethod, Parameter, Reduction
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, LAMBDA, NORMALIZE, SEED
from adamms.merging.task_vectors import add_to, preserved_l1, task_vectors, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor

DENSITY = Parameter(
    "density", 0.5, "the mean share of entries kept, 1 - p", 0, 1, coefficient=True, per_model=True
)
EPSILON = Parameter(
    "epsilon",
    0.1,
    "the share kept rises with the rank from density - epsilon to + epsilon",
    0,
    1,
    coefficient=True,
    per_model=True,
)
RESCALE = Parameter(
    "rescale",
    "keep",
    "what is left is divided by its probability (keep, the paper's), or not at all (none), or brought back "
    "to its tensor's L1 norm (l1, mergekit's)",
    choices=("keep", "none", "l1"),
)


def della_linear(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    draws: "Sequence[Tensor]",
    width: int,
    density: Sequence[float],
    epsilon: Sequence[float],
    rescale: str,
    lambda_: float,
    normalize: bool,
    scales: Sequence[float] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times the weighted sum of the pruned task vectors; see `pruned`."""
    deltas = pruned(
        models,
        pretrained,
        draws=draws,
        width=width,
        density=density,
        epsilon=epsilon,
        rescale=rescale,
        scales=scales,
    )
    return add_to(pretrained, weighted_sum(deltas, weights, normalize=normalize), lambda_=lambda_)


def pruned(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    draws: "Sequence[Tensor]",
    width: int,
    density: Sequence[float],
    epsilon: Sequence[float],
    rescale: str,
    scales: Sequence[float] | None = None,
) -> "list[Tensor]":
    """The task vectors after MAGPRUNE.

    Args:
        models: the base's values and the donors', whole rows.
        pretrained: the ancestor's.
        draws: random numbers, one tensor a model.
        width: elements a row.
        density: the mean share kept, one a model; 1 keeps everything and 0 nothing.
        epsilon: how much more the largest of a row is kept, and how much less the smallest.
        rescale: `keep` divides by the probability, `l1` multiplies by `scales`, `none` does neither.
        scales: each model's factor for `l1`.
    """
    deltas = []
    for at, (delta, drawn) in enumerate(zip(task_vectors(models, pretrained), draws, strict=True)):
        share = density[at]
        if 0 < share < 1:
            keep = probabilities(delta.view(-1, width), density=share, epsilon=epsilon[at]).view(-1)
            delta.mul_(kept(drawn, keep))
            if rescale == "keep":
                delta.div_(keep)
        else:
            delta.mul_(share)
        deltas.append(delta.mul_(scales[at]) if scales else delta)
    return deltas


def probabilities(rows: "Tensor", *, density: float, epsilon: float) -> "Tensor":
    """How likely every entry is kept, by its magnitude's rank in its row; equal ones in the row's order."""
    import torch

    order = rows.abs().argsort(dim=1, stable=True)
    last = rows.shape[1] - 1
    ranks = torch.empty_like(rows)
    ranks.scatter_(1, order, torch.arange(last + 1, dtype=rows.dtype).expand_as(rows))
    return ranks.mul_(2 * epsilon / max(last, 1)).add_(density - epsilon)


def della_reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """What `rescale=l1` must know of each tensor."""
    return (preserved_l1(task_vectors, pruned),) if settings["rescale"] == "l1" else ()


def are_probabilities(values: Mapping[str, Any]) -> None:
    """Insist that density and epsilon give probabilities; a density of 0 or 1 needs no epsilon.

    Raises:
        MergeError: they leave the range.
    """
    for density, epsilon in zip(values["density"], values["epsilon"], strict=True):
        if 0 < density < 1 and not (density - epsilon > 0 and density + epsilon <= 1):
            raise MergeError(
                "density - epsilon must be above 0 and density + epsilon at most 1, as they are "
                f"probabilities; not density {density:g} and epsilon {epsilon:g}."
            )


METHOD = MergeMethod(
    della_linear,
    summary="drop entries of the task vectors by their rank in their row, rescale, add up",
    source="Deep et al., DELLA-Merging (arXiv 2406.11617), without the election",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DENSITY, EPSILON, RESCALE, NORMALIZE, SEED),
    pretrained="needed",
    reductions=della_reductions,
    check=are_probabilities,
    by_rows=lambda settings: True,
)
