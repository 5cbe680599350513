"""Arithmetic that task-vector methods share: tau_i = theta_i - theta_0, and how several become one.

Masks are multiplied, never selected with: a NaN in a source must come out as NaN, not be masked away.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from adamms.merging.method import Pass, call

if TYPE_CHECKING:
    from torch import Tensor


def task_vectors(models: "Sequence[Tensor]", pretrained: "Tensor") -> "list[Tensor]":
    """Every model's difference from the ancestor."""
    return [model - pretrained for model in models]


def weighted_sum(deltas: "Sequence[Tensor]", weights: Sequence[float], *, normalize: bool) -> "Tensor":
    """The task vectors' sum with a weight each; `normalize` divides by the weights' sum."""
    total = deltas[0] * weights[0]
    for delta, weight in zip(deltas[1:], weights[1:], strict=True):
        total.add_(delta if weight == 1 else delta * weight)
    share = sum(weights)
    # With weights that cancel there is nothing to normalize by: the sum stays.
    return total.div_(share) if normalize and share else total


def agreed(
    deltas: "Sequence[Tensor]", weights: Sequence[float], *, consensus: Literal["mean", "sum"]
) -> "Tensor":
    """Elect a sign for every entry and combine the task vectors that have it (TIES, sections 3.2 and 3.3).

    The elected sign is that of the weighted sum; a sum of exactly zero counts as positive. `mean` divides by
    the weights of the agreeing vectors that are not zero there (the paper's disjoint mean), `sum` does not.
    """
    weighted = [
        delta if weight == 1 else delta * weight for delta, weight in zip(deltas, weights, strict=True)
    ]
    sign, parts = elected(weighted)
    merged, *others = parts
    share = shares(parts, weights) if consensus == "mean" else None
    for part in others:
        merged.add_(part)
    return (merged if share is None else merged.div_(share)).mul_(sign)


def elected(deltas: "Sequence[Tensor]") -> "tuple[Tensor, list[Tensor]]":
    """The elected sign of every entry, 1 or -1, and each vector's magnitudes where it has that sign."""
    import torch

    total = deltas[0].clone()
    for delta in deltas[1:]:
        total.add_(delta)
    # Adding +0 turns a sum of -0 into +0, so that zero elects the positive sign.
    sign = torch.copysign(torch.ones((), dtype=total.dtype), total.add_(0.0))
    return sign, [(delta * sign).clamp_(min=0) for delta in deltas]


def shares(parts: "Sequence[Tensor]", weights: Sequence[float]) -> "Tensor":
    """The sum of the weights of the parts that are not zero; 1 where all are, as nothing is shared there."""
    import torch

    total = torch.sign(parts[0]).mul_(weights[0])
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total.add_(torch.sign(part), alpha=weight)
    return total.add_(total == 0)


def add_to(pretrained: "Tensor", merged: "Tensor", *, lambda_: float) -> "Tensor":
    """theta_0 + lambda * tau."""
    return (merged if lambda_ == 1 else merged.mul_(lambda_)).add_(pretrained)


def preserved_l1(deltas: Callable[..., Any], sparse: Callable[..., Any]) -> Pass:
    """The pass that finds, model by model, the factor that gives a thinned task vector its L1 norm back.

    Args:
        deltas: the task vectors before.
        sparse: and after; both ask for what they need as a method does.
    """

    def measure(everything: Mapping[str, Any]) -> "Tensor":
        import torch

        before, after = call(deltas, everything), call(sparse, everything)
        return torch.stack([delta.abs().sum(dtype=torch.float64) for delta in (*before, *after)])

    def conclude(total: "Tensor") -> dict[str, Any]:
        half = len(total) // 2
        scales = [
            float(whole / left) if left else 1.0
            for whole, left in zip(total[:half].tolist(), total[half:].tolist(), strict=True)
        ]
        return {"scales": tuple(scales)}

    return Pass(measure, conclude, scope="tensor")
