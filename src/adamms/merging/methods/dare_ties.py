"""DARE with TIES: drop entries at random, rescale, elect signs, merge what agrees.

Yu et al., Language Models are Super Mario (arXiv 2311.03099), section 4, and Yadav et al. (arXiv 2306.01708),
sections 3.2 and 3.3. The random drop takes the place of the magnitude trim.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from adamms.merging.kernel_params import KernelParams
from adamms.merging.method import MergeMethod
from adamms.merging.methods.dare_linear import RESCALE, dare_reductions, rescaling, thinned
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, CONSENSUS, DROP, LAMBDA, SEED
from adamms.merging.task_vectors import add_to, disjoint_merge

if TYPE_CHECKING:
    from torch import Tensor


def dare_ties(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    draws: "Sequence[Tensor]",
    drop: Sequence[float],
    rescale: str,
    lambda_: float,
    consensus: Literal["mean", "sum"],
    scales: Sequence[float] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times what the thinned task vectors agree on; see `dare_linear` and `ties`."""
    deltas = thinned(models, pretrained, draws=draws, drop=drop, rescale=rescale, scales=scales)
    return add_to(pretrained, disjoint_merge(deltas, weights, consensus=consensus), lambda_=lambda_)


def kernel_params(
    weights: Sequence[float],
    *,
    drop: Sequence[float],
    rescale: str,
    lambda_: float,
    consensus: Literal["mean", "sum"],
    scales: Sequence[float] | None = None,
) -> KernelParams:
    """The parameters of the fused kernel."""
    factors = rescaling(drop, rescale=rescale, scales=scales)
    kept = [1 - share for share in drop]
    return KernelParams(weights, factors=factors, kept=kept, elect=consensus, lambda_=lambda_)


METHOD = MergeMethod(
    dare_ties,
    summary="drop entries of the task vectors at random, rescale, elect signs, average what agrees",
    source="Yu et al. (DARE, arXiv 2311.03099) with Yadav et al. (TIES, arXiv 2306.01708)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DROP, RESCALE, CONSENSUS, SEED),
    pretrained="needed",
    arrays="any",
    kernel=kernel_params,
    reductions=dare_reductions,
)
