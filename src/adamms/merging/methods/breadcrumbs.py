"""Model Breadcrumbs: leave out the largest entries of the task vectors and the many small ones.

    theta_out = theta_0 + lambda * sum_i w_i (m_i * tau_i)

Davari and Belilovsky, Model Breadcrumbs (arXiv 2312.06795), section 3. m_i removes, tensor by tensor, the top
`gamma` share by magnitude and keeps the next `density` share. Where there are too few, fewer of the largest
are removed (as mergekit does). Entries that tie with a limit are on the kept side of the lower one and on the
removed side of the upper one. `breadcrumbs_ties` has the election of `ties` in place of the sum.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adamms.merging.arrays import at_least
from adamms.merging.composition import SIGN_CONSENSUS, WEIGHTED_SUM, Sparsifier, task_vector_method
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import Array, Reduction, numbers_of
from adamms.merging.parameters import Parameter
from adamms.merging.task_vectors import task_vectors

DENSITY = Parameter("density", 0.1, "the share of entries kept", 0, 1, coefficient=True, per_model=True)
GAMMA = Parameter(
    "gamma", 0.01, "the share of the largest entries removed", 0, 1, coefficient=True, per_model=True
)


def leave_crumbs(
    deltas: list[Array], *, magnitudes: Sequence[tuple[float, float]] | None = None
) -> list[Array]:
    """The task vectors without their largest and their small entries.

    Args:
        deltas: one a model, flat.
        magnitudes: each model's limits: the least magnitude removed, and the least kept; None keeps all.
    """
    if magnitudes is None:
        return deltas
    return [
        at_least(delta, low) - at_least(delta, high)
        for delta, (high, low) in zip(deltas, magnitudes, strict=True)
    ]


def _kernel(magnitudes: Sequence[tuple[float, float]] | None = None) -> dict[str, Any]:
    high, low = zip(*magnitudes, strict=True) if magnitudes else (None, None)
    return {"min_magnitude": low, "max_magnitude": high}


def _ranks(count: int, density: Sequence[float], gamma: Sequence[float], series: int) -> tuple[int, int]:
    """The rank of the last entry removed from the top, and of the last one kept."""
    target = int(density[series] * count)
    top = min(int(gamma[series] * count), count - target)
    return top, top + target


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    everything = all(number == 1 for number in numbers_of(settings, "density"))
    return () if everything else magnitude_reductions(task_vectors, _ranks, scope="tensor")


CRUMBS = Sparsifier(leave_crumbs, (DENSITY, GAMMA), _kernel, _reductions)

BREADCRUMBS = task_vector_method(
    "breadcrumbs",
    CRUMBS,
    WEIGHTED_SUM,
    summary="task arithmetic without the largest entries of the task vectors and the many small ones",
    source="Davari and Belilovsky, Model Breadcrumbs (arXiv 2312.06795)",
)
BREADCRUMBS_TIES = task_vector_method(
    "breadcrumbs_ties",
    CRUMBS,
    SIGN_CONSENSUS,
    summary="breadcrumbs, then elect signs and average what agrees",
    source="Davari and Belilovsky (arXiv 2312.06795) with Yadav et al. (arXiv 2306.01708)",
)
