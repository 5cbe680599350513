"""MetaGPT: task arithmetic whose coefficients follow from the task vectors' norms in closed form.

    theta_out = theta_0 + sum_i lambda_i tau_i,   lambda_i = |tau_i|^2 / sum_j |tau_j|^2

Zhou et al., MetaGPT (arXiv 2406.11385), section 3. The norms are those of the whole task vectors. There is no
alpha: the coefficients are the method.
"""

from collections.abc import Sequence

from adamms.merging.inner_products import Products, inner_products
from adamms.merging.method import Array, KernelParams, MergeMethod
from adamms.merging.parameters import LAMBDA
from adamms.merging.task_vectors import add_to, task_vectors, weighted_sum


def metagpt(models: Sequence[Array], pretrained: Array, *, products: Products, lambda_: float) -> Array:
    """The ancestor plus the task vectors weighted by their squared norms over the whole model."""
    weights = kernel_params(products, lambda_=lambda_).weights
    merged = weighted_sum(task_vectors(models, pretrained), weights, normalize=False)
    return add_to(pretrained, merged, lambda_=lambda_)


def kernel_params(products: Products, *, lambda_: float) -> KernelParams:
    """The parameters of the fused kernel."""
    squares = [products[i][i] for i in range(len(products))]
    total = sum(squares)
    return KernelParams([square / total if total else 0.0 for square in squares], lambda_=lambda_)


METAGPT = MergeMethod(
    metagpt,
    summary="task arithmetic with coefficients from the task vectors' squared norms",
    source="Zhou et al., MetaGPT (arXiv 2406.11385)",
    parameters=(LAMBDA,),
    pretrained="needed",
    reductions=lambda settings: (inner_products("model"),),
    kernel=kernel_params,
)
