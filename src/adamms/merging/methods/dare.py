"""DARE: drop entries of the task vectors at random and rescale the rest; then add up, or elect signs.

    theta_out = theta_0 + lambda * sum_i w_i (m_i * tau_i) / (1 - p),   m_i ~ Bernoulli(1 - p)

Yu et al., Language Models are Super Mario (arXiv 2311.03099), section 3; `dare_ties` (section 4) has the
election of Yadav et al. (arXiv 2306.01708), sections 3.2 and 3.3, in place of the sum. p is the DROP rate.
The masks depend on the seed, the tensor's name and the element alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.composition import SIGN_CONSENSUS, WEIGHTED_SUM, Sparsifier, l1_scales, task_vector_method
from adamms.merging.method import Array, Reduction
from adamms.merging.parameters import SEED, Parameter

if TYPE_CHECKING:
    import numpy as np

DROP = Parameter(
    "drop", 0.9, "p, the share of entries dropped at random", 0, 1, coefficient=True, per_model=True
)
RESCALE = Parameter(
    "rescale",
    "keep",
    "what is left is divided by 1 - p (keep, the paper's), or not at all (none), or brought back to its "
    "tensor's L1 norm (l1, mergekit's)",
    choices=("keep", "none", "l1"),
)


def drop_at_random(
    deltas: list[Array],
    *,
    draws: "Sequence[np.ndarray]",
    drop: Sequence[float],
    rescale: str,
    scales: Sequence[float] | None = None,
) -> list[Array]:
    """The task vectors without what is dropped, rescaled.

    Args:
        deltas: one a model, flat; their memory is used.
        draws: random int16 numbers, one array a model.
        drop: p, one a model.
        rescale: `keep` divides what is left by 1 - p; `l1` multiplies by `scales`; `none` does neither.
        scales: each model's factor for `l1`.
    """
    from adamms.merging.draws import keep_mask

    factors = _factors(drop, rescale, scales)
    for delta, drawn, share, factor in zip(deltas, draws, drop, factors, strict=True):
        delta *= keep_mask(drawn, 1 - share)
        delta *= factor
    return deltas


def _factors(drop: Sequence[float], rescale: str, scales: Sequence[float] | None) -> Sequence[float]:
    if rescale == "keep":
        return [1 / (1 - share) if share < 1 else 0.0 for share in drop]
    return scales or [1.0] * len(drop)


def _kernel(drop: Sequence[float], rescale: str, scales: Sequence[float] | None = None) -> dict[str, Any]:
    return {"keep_prob": [1 - share for share in drop], "rescale": _factors(drop, rescale, scales)}


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    return (l1_scales(drop_at_random),) if settings["rescale"] == "l1" else ()


DARE = Sparsifier(drop_at_random, (DROP, RESCALE, SEED), _kernel, _reductions)

DARE_LINEAR = task_vector_method(
    "dare_linear",
    DARE,
    WEIGHTED_SUM,
    summary="drop entries of the task vectors at random, rescale by 1 / (1 - p), add up",
    source="Yu et al., Language Models are Super Mario (DARE, arXiv 2311.03099)",
)
DARE_TIES = task_vector_method(
    "dare_ties",
    DARE,
    SIGN_CONSENSUS,
    summary="drop entries of the task vectors at random, rescale, elect signs, average what agrees",
    source="Yu et al. (DARE, arXiv 2311.03099) with Yadav et al. (TIES, arXiv 2306.01708)",
)
