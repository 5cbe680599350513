"""Linear interpolation, the method of the paper (equation 1).

    theta_out = (1 - alpha) * theta_1 + alpha * f(theta_1)

Pure functions on tensors: they know no names, files, dtypes on disk or devices.
"""

from collections.abc import Sequence

from adamms.merging.method import Array, KernelParams, MergeMethod
from adamms.merging.parameters import ALPHA_OF_REST, BASE_WEIGHT_OF_REST, NORMALIZE


def linear(models: Sequence[Array], *, weights: Sequence[float], normalize: bool = False) -> Array:
    """The models' weighted sum.

    Args:
        models: the base's values and the donors' for the same entries, float32 (float64 for a float64
            checkpoint), of one shape.
        weights: one a model; with one donor (1 - alpha, alpha). A model of weight 0 is not looked at, and
            one of weight 1 that stands alone is returned bit for bit.
        normalize: divide the weights by their sum; with (1 - alpha, alpha) nothing changes.

    Returns:
        A tensor of the same shape and dtype. Each product and each sum are rounded once in that dtype, as
        the equation is written; no fused multiply-add, so the result is the same on every machine.
    """
    coefficients = kernel_params(weights, normalize=normalize).weights
    terms = [(model, weight) for model, weight in zip(models, coefficients, strict=True) if weight]
    if not terms:
        return models[0] * 0
    (first, weight), *others = terms
    if weight == 1 and not others:
        return first
    total = first * weight
    for model, weight in others:
        total += model * weight
    return total


def kernel_params(weights: Sequence[float], *, normalize: bool = False) -> KernelParams:
    """The parameters of the fused kernel."""
    total = sum(weights) if normalize else 0
    return KernelParams([weight / total for weight in weights] if total else weights)


LINEAR = MergeMethod(
    linear,
    summary="(1 - alpha) base + alpha donor",
    source="AdaMMS, equation 1 (arXiv 2503.23733); Model Soups (arXiv 2203.05482)",
    parameters=(ALPHA_OF_REST, BASE_WEIGHT_OF_REST, NORMALIZE),
    base_weight="rest",
    kernel=kernel_params,
)
