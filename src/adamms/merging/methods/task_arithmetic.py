"""Task arithmetic: add the models' task vectors to their ancestor.

    theta_out = theta_0 + lambda * sum_i w_i tau_i,   tau_i = theta_i - theta_0

Ilharco et al., Editing Models with Task Arithmetic (arXiv 2212.04089), section 2. The base's weight is 1
unless said otherwise, so alpha = 0 with lambda = 1 is the base, and alpha adds the donor's task vector.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adamms.merging.kernel_params import KernelParams
from adamms.merging.method import MergeMethod
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, LAMBDA, NORMALIZE
from adamms.merging.task_vectors import add_to, task_vectors, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor


def task_arithmetic(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    lambda_: float,
    normalize: bool,
) -> "Tensor":
    """The ancestor plus lambda times the weighted sum of the task vectors."""
    merged = weighted_sum(task_vectors(models, pretrained), weights, normalize=normalize)
    return add_to(pretrained, merged, lambda_=lambda_)


def kernel_params(weights: Sequence[float], *, lambda_: float, normalize: bool) -> KernelParams:
    """The parameters of the fused kernel."""
    return KernelParams(weights, divisor=sum(weights) if normalize else 0, lambda_=lambda_)


METHOD = MergeMethod(
    task_arithmetic,
    summary="theta_0 + lambda * sum of the weighted task vectors",
    source="Ilharco et al., Editing Models with Task Arithmetic (arXiv 2212.04089)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, NORMALIZE),
    pretrained="needed",
    keeps_base=True,
    arrays="any",
    kernel=kernel_params,
)
