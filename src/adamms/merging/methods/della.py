"""DELLA: drop entries by their rank in their row, rescale, elect signs, merge what agrees.

Deep et al., DELLA-Merging (arXiv 2406.11617), section 3: MAGPRUNE (see `della_linear`), then the election and
the fusion of what has the elected sign (see `ties`), times lambda.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from adamms.merging.method import MergeMethod
from adamms.merging.methods.della_linear import (
    DENSITY,
    EPSILON,
    RESCALE,
    are_probabilities,
    della_reductions,
    pruned,
)
from adamms.merging.methods.parameters import ALPHA, BASE_WEIGHT, CONSENSUS, LAMBDA, SEED
from adamms.merging.task_vectors import add_to, disjoint_merge

if TYPE_CHECKING:
    from torch import Tensor


def della(
    models: "Sequence[Tensor]",
    pretrained: "Tensor",
    *,
    weights: Sequence[float],
    draws: "Sequence[Tensor]",
    width: int,
    density: Sequence[float],
    epsilon: Sequence[float],
    rescale: str,
    lambda_: float,
    consensus: Literal["mean", "sum"],
    scales: Sequence[float] | None = None,
) -> "Tensor":
    """The ancestor plus lambda times what the pruned task vectors agree on; see `pruned` and `ties`."""
    deltas = pruned(
        models,
        pretrained,
        draws=draws,
        width=width,
        density=density,
        epsilon=epsilon,
        rescale=rescale,
        scales=scales,
    )
    return add_to(pretrained, disjoint_merge(deltas, weights, consensus=consensus), lambda_=lambda_)


METHOD = MergeMethod(
    della,
    summary="drop entries by their rank in their row, rescale, elect signs, average what agrees",
    source="Deep et al., DELLA-Merging (arXiv 2406.11617)",
    parameters=(ALPHA, BASE_WEIGHT, LAMBDA, DENSITY, EPSILON, RESCALE, CONSENSUS, SEED),
    pretrained="needed",
    reductions=della_reductions,
    check=are_probabilities,
    by_rows=lambda settings: True,
)
