"""SCE: select what varies most between the models, calculate their weights, erase minorities.

Wan et al., FuseChat (arXiv 2408.07990), section 3.3. Tensor by tensor: the `topk` share of the entries whose
variance over the task vectors is not zero stay; a model's weight is the mean square of what stays of it;
entries against the sign of the sum of all are erased; what is left is averaged by weight.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import MergeMethod, Parameter, Reduction, numbers_of
from adamms.merging.task_vectors import (
    add_to,
    agreement_weights,
    elect_signs,
    task_vectors,
    weighted_sum,
)

if TYPE_CHECKING:
    from torch import Tensor

LITTLE = 1e-6


def sce(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    squares: Sequence[float],
    magnitudes: Sequence[tuple[float]] | None = None,
) -> "Tensor":
    """The ancestor plus the selected, weighted and erased task vectors.

    Args:
        models: the base's values and the donors'.
        pretrained: the ancestor's.
        squares: each model's mean square after selection, over the whole tensor.
        magnitudes: the least variance selected; None selects everything.
    """
    deltas = selected(models, pretrained, magnitudes=magnitudes)
    whole = sum(squares)
    weights = [each / whole for each in squares] if whole else [1 / len(squares)] * len(squares)
    sign, parts = elect_signs(deltas)
    share = agreement_weights(parts, weights).clamp_(min=LITTLE)
    return add_to(
        pretrained, weighted_sum(parts, weights, normalize=False).div_(share).mul_(sign), lambda_=1.0
    )


def selected(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    magnitudes: Sequence[tuple[float]] | None = None,
) -> "list[Tensor]":
    """The task vectors where their variance reaches the least selected."""
    deltas = task_vectors(models, pretrained)
    if magnitudes is None:
        return deltas
    ((least,),) = magnitudes
    mask = _variance(deltas).float() >= least
    return [delta.mul_(mask) for delta in deltas]


def variance(models: "Sequence[Tensor]", pretrained: "Tensor") -> "list[Tensor]":
    """The task vectors' variance, entry by entry: one series."""
    return [_variance(task_vectors(models, pretrained))]


def _variance(deltas: "Sequence[Tensor]") -> "Tensor":
    import torch

    return torch.stack(tuple(deltas)).var(dim=0, unbiased=False)


def _ranks(count: int, nonzero: int, topk: float) -> tuple[int]:
    return (count if topk == 1 else int(nonzero * topk),)


def _squares(everything: Mapping[str, Any]) -> "Tensor":
    import torch

    from adamms.merging.method import call

    return torch.stack([torch.sum(delta.double() ** 2) for delta in call(selected, everything)])


def _mean_squares(total: "Tensor", count: int) -> dict[str, Any]:
    return {"squares": tuple((total / count).tolist())}


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    everything = all(number == 1 for number in numbers_of(settings, "topk"))
    selection = () if everything else magnitude_reductions(variance, _ranks, scope="tensor")
    return (*selection, Reduction(_squares, _mean_squares))


METHOD = MergeMethod(
    sce,
    summary="select what varies most between the models, weight by squares, erase minority signs",
    source="Wan et al., FuseChat (SCE, arXiv 2408.07990)",
    parameters=(Parameter("topk", 0.1, "the share of the varying entries selected", 0, 1, coefficient=True),),
    pretrained="needed",
    reductions=_reductions,
)
