"""Model Breadcrumbs with the election of signs of TIES.

Davari and Belilovsky (arXiv 2312.06795) with Yadav et al. (arXiv 2306.01708), sections 3.2 and 3.3: the
sparse task vectors of `breadcrumbs`, merged as `ties` does.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from adamms.merging.kernel_params import KernelParams
from adamms.merging.method import MergeMethod
from adamms.merging.methods.breadcrumbs import DENSITY, GAMMA, crumb_reductions, crumbs
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, CONSENSUS, LAMBDA
from adamms.merging.task_vectors import add_to, disjoint_merge

if TYPE_CHECKING:
    from torch import Tensor


def breadcrumbs_ties(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    lambda_: float,
    consensus: Literal["mean", "sum"],
    magnitudes: Sequence[tuple[float, float]] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times what the sparse task vectors agree on; see `breadcrumbs` and `ties`."""
    deltas = crumbs(models, pretrained, magnitudes=magnitudes)
    return add_to(pretrained, disjoint_merge(deltas, weights, consensus=consensus), lambda_=lambda_)


def kernel_params(
    weights: Sequence[float],
    *,
    lambda_: float,
    consensus: Literal["mean", "sum"],
    magnitudes: Sequence[tuple[float, float]] | None = None,
) -> KernelParams:
    """The parameters of the fused kernel."""
    most, least = zip(*magnitudes, strict=True) if magnitudes else (None, None)
    return KernelParams(weights, least=least, most=most, elect=consensus, lambda_=lambda_)


METHOD = MergeMethod(
    breadcrumbs_ties,
    summary="breadcrumbs, then elect signs and average what agrees",
    source="Davari and Belilovsky (arXiv 2312.06795) with Yadav et al. (arXiv 2306.01708)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DENSITY, GAMMA, CONSENSUS),
    pretrained="needed",
    reductions=crumb_reductions,
    arrays="any",
    kernel=kernel_params,
)
