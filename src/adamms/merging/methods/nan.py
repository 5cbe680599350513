"""NAN: coefficients inversely proportional to the models' norms, in closed form.

    theta_out = sum_i c_i theta_i,                 c_i = (1 / |theta_i|) / sum_j (1 / |theta_j|)
    theta_out = theta_0 + lambda * sum_i c_i tau_i,  c_i from |tau_i|, where an ancestor is given

Si et al., NAN: A Training-Free Solution to Coefficient Estimation in Model Merging (arXiv 2505.16148). The
norms are those of all merged parameters.
"""

from collections.abc import Sequence

from adamms.merging.inner_products import Products, combination, inner_products, norms
from adamms.merging.method import Array, KernelParams, MergeMethod
from adamms.merging.parameters import LAMBDA
from adamms.merging.task_vectors import add_to, task_vectors


def nan(
    models: Sequence[Array],
    pretrained: Array | None = None,
    *,
    products: Products,
    lambda_: float,
) -> Array:
    """The models, or their task vectors where there is an ancestor, weighted by their inverse norms."""
    coefficients = kernel_params(products, lambda_=lambda_).weights
    if pretrained is None:
        return combination(models, coefficients)
    return add_to(pretrained, combination(task_vectors(models, pretrained), coefficients), lambda_=lambda_)


def kernel_params(products: Products, *, lambda_: float) -> KernelParams:
    """The parameters of the fused kernel."""
    return KernelParams(inverse_norms(products), lambda_=lambda_)


def inverse_norms(products: Products) -> list[float]:
    """The coefficients; they sum to 1. A vector of norm 0 has nothing to add and takes none."""
    inverse = [1 / norm if norm else 0.0 for norm in norms(products)]
    total = sum(inverse)
    return [share / total if total else 0.0 for share in inverse]


NAN = MergeMethod(
    nan,
    summary="coefficients inversely proportional to the norms of the models, or of their task vectors",
    source="Si et al., NAN (arXiv 2505.16148)",
    parameters=(LAMBDA,),
    pretrained="optional",
    reductions=lambda settings: (inner_products("model"),),
    kernel=kernel_params,
)
