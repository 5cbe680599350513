"""Karcher mean: the point on the sphere whose squared distances to the models' directions sum to the least.

Karcher, Riemannian Center of Mass (1977); for weights, mergekit's `karcher`. Tensor by tensor: directions are
averaged on the sphere, lengths linearly. The mean is a combination of the models, so it is found among their
inner products alone, by the fixed-point iteration of the logarithm and exponential maps. Models that point
exactly apart have no mean direction; the heaviest's is taken.
"""

from collections.abc import Sequence

from adamms.merging.inner_products import Products, combination, inner_products, norms
from adamms.merging.method import Array, KernelParams, MergeMethod
from adamms.merging.parameters import ALPHA_OF_REST, BASE_WEIGHT_OF_REST, Parameter

ROUNDS = 100
TOLERANCE = CLOSE = 1e-10


def karcher(
    models: Sequence[Array],
    *,
    weights: Sequence[float],
    products: Products,
    rounds: int,
    tolerance: float,
) -> Array:
    """The weighted Karcher mean of the models, at the weighted mean of their lengths.

    Args:
        models: the base's values and the donors'.
        weights: one a model.
        products: the inner products of the whole tensors.
        rounds: of the iteration, at most.
        tolerance: the angle, in radians, by which the mean moves in the last round.
    """
    coefficients = karcher_coefficients(products, weights, rounds=rounds, tolerance=tolerance)
    return combination(models, coefficients)


def kernel_params(
    weights: Sequence[float], *, products: Products, rounds: int, tolerance: float
) -> KernelParams:
    """The parameters of the fused kernel."""
    return KernelParams(karcher_coefficients(products, weights, rounds=rounds, tolerance=tolerance))


def karcher_coefficients(
    products: Products, weights: Sequence[float], *, rounds: int = ROUNDS, tolerance: float = TOLERANCE
) -> list[float]:
    """The models' coefficients in their weighted Karcher mean."""
    import numpy as np

    lengths, shares = np.array(norms(products)), np.array(weights, dtype=float)
    length = float(shares @ lengths) / (float(shares.sum()) or 1.0)
    # A vector of length 0 has no direction, but its length counts.
    shares = np.where(lengths > 0, shares, 0.0)
    if not shares.sum():
        return [0.0] * len(weights)
    if np.count_nonzero(shares) == 1:
        return [length / float(lengths[at]) if share else 0.0 for at, share in enumerate(shares)]
    shares /= shares.sum()
    scale = np.where(lengths > 0, lengths, 1.0)
    gram = np.array(products) / np.outer(scale, scale)

    def unit(point: "np.ndarray") -> "np.ndarray":
        norm = float(np.sqrt(max(point @ gram @ point, 0.0)))
        return point / norm if norm > CLOSE else np.eye(len(shares))[int(np.argmax(shares))]

    mean = unit(shares)
    for _ in range(rounds):
        # The logarithm of every direction at the mean, in coefficients of the directions.
        cosines = np.clip(gram @ mean, -1.0, 1.0)
        angles = np.arccos(cosines)
        sines = np.sin(angles)
        moving = (angles >= tolerance) & (sines > CLOSE)
        factors = np.where(moving, angles / np.where(moving, sines, 1.0), 0.0)
        step = shares * factors - float(shares @ (factors * cosines)) * mean
        norm = float(np.sqrt(max(step @ gram @ step, 0.0)))
        if norm < tolerance:
            break
        mean = unit(np.cos(norm) * mean + np.sin(norm) / norm * step)
    return [float(coefficient) for coefficient in mean / scale * length]


KARCHER = MergeMethod(
    karcher,
    summary="the mean of the models' directions on the sphere, tensor by tensor",
    source="Karcher 1977; mergekit's karcher",
    parameters=(
        ALPHA_OF_REST,
        BASE_WEIGHT_OF_REST,
        Parameter("rounds", ROUNDS, "of the iteration, at most", 1, integer=True),
        Parameter("tolerance", TOLERANCE, "where the iteration ends, in radians", 0),
    ),
    base_weight="rest",
    reductions=lambda settings: (inner_products("tensor"),),
    kernel=kernel_params,
)
