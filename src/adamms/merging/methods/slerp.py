"""Spherical interpolation: from the base to the donor along the arc between them, tensor by tensor.

    theta_out = sin((1 - alpha) omega) / sin(omega) theta_1 + sin(alpha omega) / sin(omega) theta_2

Shoemake, Animating Rotation with Quaternion Curves (SIGGRAPH 1985); for weights, mergekit's `slerp`. omega is
the angle between the whole flattened tensors; their lengths are not changed. Nearly parallel tensors
(|cos| > 0.9995) are interpolated linearly; a tensor of zeros counts as at right angles to every other.
"""

from collections.abc import Sequence
from math import acos, sin

from adamms.merging.inner_products import Products, combination, cosine, inner_products
from adamms.merging.method import Array, KernelParams, MergeMethod
from adamms.merging.parameters import ALPHA_ON_ARC

PARALLEL = 0.9995


def slerp(models: Sequence[Array], *, weights: Sequence[float], products: Products) -> Array:
    """Interpolate base and donor on the arc; `weights` are (1 - alpha, alpha)."""
    return combination(models, kernel_params(weights, products).weights)


def kernel_params(weights: Sequence[float], products: Products) -> KernelParams:
    """The parameters of the fused kernel."""
    return KernelParams(arc_coefficients(cosine(products, 0, 1), weights[1]))


def arc_coefficients(cos: float, alpha: float) -> tuple[float, float]:
    """The two vectors' coefficients at `alpha` of the way from the first to the second."""
    if abs(cos) > PARALLEL:
        return 1 - alpha, alpha
    omega = acos(cos)
    return sin((1 - alpha) * omega) / sin(omega), sin(alpha * omega) / sin(omega)


SLERP = MergeMethod(
    slerp,
    summary="from base to donor along the arc between them, tensor by tensor",
    source="Shoemake 1985; mergekit's slerp",
    parameters=(ALPHA_ON_ARC,),
    donors="one",
    base_weight="rest",
    reductions=lambda settings: (inner_products("tensor"),),
    kernel=kernel_params,
)
