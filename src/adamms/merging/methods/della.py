"""DELLA: drop entries by their rank in their row, rescale each by its odds; then elect signs, or add up.

    keep_i from density - epsilon (the row's smallest magnitude) to density + epsilon (its largest), linearly
    theta_out = theta_0 + lambda * combine_i(w_i, m_i * tau_i / keep_i),   m_i ~ Bernoulli(keep_i)

Deep et al., DELLA-Merging (arXiv 2406.11617), section 3: MAGPRUNE, then the election and the fusion of what
has the elected sign (see `ties`); `della_linear` is without the election. A tensor of one dimension is one
row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError
from adamms.merging.composition import SIGN_CONSENSUS, WEIGHTED_SUM, Sparsifier, l1_scales, task_vector_method
from adamms.merging.method import Array, Reduction
from adamms.merging.parameters import SEED, Parameter

if TYPE_CHECKING:
    import numpy as np

DENSITY = Parameter(
    "density", 0.5, "the mean share of entries kept, 1 - p", 0, 1, coefficient=True, per_model=True
)
EPSILON = Parameter(
    "epsilon",
    0.1,
    "the share kept rises with the rank from density - epsilon to + epsilon",
    0,
    1,
    coefficient=True,
    per_model=True,
)
RESCALE = Parameter(
    "rescale",
    "keep",
    "what is left is divided by its probability (keep, the paper's), or not at all (none), or brought back "
    "to its tensor's L1 norm (l1, mergekit's)",
    choices=("keep", "none", "l1"),
)


def magprune(
    deltas: "list[np.ndarray]",
    *,
    draws: "Sequence[np.ndarray]",
    width: int,
    density: Sequence[float],
    epsilon: Sequence[float],
    rescale: str,
    scales: Sequence[float] | None = None,
) -> list[Array]:
    """The task vectors after MAGPRUNE.

    Args:
        deltas: one a model, flat, whole rows; their memory is used.
        draws: random int16 numbers, one array a model.
        width: elements a row.
        density: the mean share kept, one a model; 1 keeps everything and 0 nothing.
        epsilon: how much more the largest of a row is kept, and how much less the smallest.
        rescale: `keep` divides by the probability, `l1` multiplies by `scales`, `none` does neither.
        scales: each model's factor for `l1`.
    """
    from adamms.merging.draws import keep_mask

    for at, (delta, drawn, share) in enumerate(zip(deltas, draws, density, strict=True)):
        if 0 < share < 1:
            keep = keep_probabilities(delta, width=width, density=share, epsilon=epsilon[at])
            delta *= keep_mask(drawn, keep)
            if rescale == "keep":
                delta /= keep
        else:
            delta *= share
        if scales:
            delta *= scales[at]
    return deltas


def keep_probabilities(delta: "np.ndarray", *, width: int, density: float, epsilon: float) -> "np.ndarray":
    """How likely every entry is kept, by its magnitude's rank in its row; equal ones in the row's order."""
    import numpy as np

    magnitudes = np.abs(delta).reshape(-1, width)
    ranks = np.empty(magnitudes.shape, delta.dtype)
    np.put_along_axis(ranks, _order(magnitudes), np.arange(width, dtype=delta.dtype)[None], axis=1)
    ranks *= 2 * epsilon / max(width - 1, 1)
    ranks += density - epsilon
    return ranks.reshape(-1)


def _order(magnitudes: "np.ndarray") -> "np.ndarray":
    """Every row's places by rising value, equal ones in order."""
    import numpy as np

    if magnitudes.dtype != np.float32:
        return np.argsort(magnitudes, axis=1, kind="stable")
    # Bits of what is not negative rise with the values. With the place below them no two keys are equal, so
    # the fastest sort (of integers, in the processor's vectors) is a stable one.
    keys = magnitudes.view(np.uint32).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= np.arange(magnitudes.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    return (keys & np.uint64(0xFFFF_FFFF)).astype(np.intp)


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    return (l1_scales(magprune),) if settings["rescale"] == "l1" else ()


def _are_probabilities(values: Mapping[str, Any]) -> None:
    """Insist that density and epsilon give probabilities; a density of 0 or 1 needs no epsilon.

    Raises:
        MergeError: they leave the range.
    """
    for density, epsilon in zip(values["density"], values["epsilon"], strict=True):
        if 0 < density < 1 and not (density - epsilon > 0 and density + epsilon <= 1):
            raise MergeError(
                "density - epsilon must be above 0 and density + epsilon at most 1, as they are "
                f"probabilities; not density {density:g} and epsilon {epsilon:g}."
            )


MAGPRUNE = Sparsifier(
    magprune,
    (DENSITY, EPSILON, RESCALE, SEED),
    reductions=_reductions,
    check=_are_probabilities,
    by_rows=True,
)

DELLA = task_vector_method(
    "della",
    MAGPRUNE,
    SIGN_CONSENSUS,
    summary="drop entries by their rank in their row, rescale, elect signs, average what agrees",
    source="Deep et al., DELLA-Merging (arXiv 2406.11617)",
)
DELLA_LINEAR = task_vector_method(
    "della_linear",
    MAGPRUNE,
    WEIGHTED_SUM,
    summary="drop entries of the task vectors by their rank in their row, rescale, add up",
    source="Deep et al., DELLA-Merging (arXiv 2406.11617), without the election",
)
