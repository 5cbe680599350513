"""Arithmetic that task-vector methods share: tau_i = theta_i - theta_0, and how several become one.

All arrays are flat and of one shape, float32 (float64 for a float64 base), numpy's or torch's. Masks are
multiplied, never selected with: a NaN in a source must come out as NaN, not be masked away.
"""

from collections.abc import Sequence
from typing import Literal

from adamms.merging.arrays import count_where, divide, not_negative, ones_where, signs
from adamms.merging.method import Array


def task_vectors(models: Sequence[Array], pretrained: Array) -> list[Array]:
    """Every model's difference from the ancestor."""
    return [model - pretrained for model in models]


def weighted_sum(deltas: Sequence[Array], weights: Sequence[float], *, normalize: bool) -> Array:
    """The task vectors' sum with a weight each; `normalize` divides by the weights' sum."""
    total = deltas[0] * weights[0]
    for delta, weight in zip(deltas[1:], weights[1:], strict=True):
        total += delta if weight == 1 else delta * weight
    share = sum(weights)
    # With weights that cancel there is nothing to normalize by: the sum stays.
    if normalize and share:
        total = divide(total, share)
    return total


def disjoint_merge(
    deltas: Sequence[Array], weights: Sequence[float], *, consensus: Literal["mean", "sum"]
) -> Array:
    """Elect a sign for every entry and combine the task vectors that have it (TIES, sections 3.2 and 3.3).

    The elected sign is that of the weighted sum; a sum of exactly zero counts as positive. `mean` divides by
    the weights of the agreeing vectors that are not zero there (the paper's disjoint mean), `sum` does not.
    """
    weighted = [
        delta if weight == 1 else delta * weight for delta, weight in zip(deltas, weights, strict=True)
    ]
    sign, parts = elect_signs(weighted)
    merged, *others = parts
    share = agreement_weights(parts, weights) if consensus == "mean" else None
    for part in others:
        merged += part
    if share is not None:
        merged /= share
    merged *= sign
    return merged


def elect_signs(deltas: Sequence[Array]) -> tuple[Array, list[Array]]:
    """The elected sign of every entry, 1 or -1, and each vector's magnitudes where it has that sign.

    These take the vectors' own memory.
    """
    # What cancels sums to +0 and elects the positive sign; only zeros alone can sum to -0, and elect nothing.
    first, *others = deltas
    total = first + others[0] if others else first
    for delta in others[1:]:
        total += delta
    sign = signs(total)
    for delta in deltas:
        delta *= sign
    return sign, not_negative(deltas)


def agreement_weights(parts: Sequence[Array], weights: Sequence[float]) -> Array:
    """The sum of the weights of the parts that are not zero; not 0 where all are: nothing is shared there."""
    if len(parts) < 256 and all(weight == weights[0] for weight in weights):
        total = count_where([part > 0 for part in parts], parts[0])
        total *= weights[0] or 1
        return total
    total = ones_where(parts[0] > 0, parts[0])
    total *= weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        counted = ones_where(part > 0, part)
        total += counted if weight == 1 else counted * weight
    total += ones_where(total == 0, total)
    return total


def add_to(pretrained: Array, merged: Array, *, lambda_: float) -> Array:
    """theta_0 + lambda * tau."""
    if lambda_ != 1:
        merged *= lambda_
    merged += pretrained
    return merged
