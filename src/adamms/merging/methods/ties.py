"""TIES: trim the task vectors, elect signs, merge what agrees.

    theta_out = theta_0 + lambda * mean over {i : sign(w_i tau_i) = elected} of trimmed tau_i

Yadav et al., TIES-Merging (arXiv 2306.01708), section 3. The k = density * n entries of largest magnitude of
each task vector stay, n being all merged parameters of the model (`trim=global`, the paper's) or those of one
tensor (`trim=tensor`, mergekit's). Entries that tie with the k-th largest all stay: in bfloat16 checkpoints
many do, and only their place in the file could choose among them. The election and the mean are
`disjoint_merge` of `merging/task_vectors.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adamms.errors import MergeError
from adamms.merging.arrays import at_least
from adamms.merging.composition import SIGN_CONSENSUS, Sparsifier, l1_scales, task_vector_method
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import Array, Reduction, numbers_of
from adamms.merging.parameters import Parameter
from adamms.merging.task_vectors import task_vectors

DENSITY = Parameter("density", 0.2, "k, the share of entries kept", 0, 1, coefficient=True, per_model=True)
TRIM = Parameter(
    "trim",
    "global",
    "what is ranked together: the whole task vector (the paper's), or each tensor (mergekit's)",
    choices=("global", "tensor"),
)
RESCALE = Parameter(
    "rescale",
    "none",
    "after trimming: nothing, or each tensor's L1 norm restored (l1)",
    choices=("none", "l1"),
)


def trim(
    deltas: list[Array],
    *,
    magnitudes: Sequence[tuple[float]] | None = None,
    scales: Sequence[float] | None = None,
) -> list[Array]:
    """The task vectors without what lies below their thresholds.

    Args:
        deltas: one a model, flat.
        magnitudes: each model's threshold, the k-th largest magnitude; None trims nothing.
        scales: each model's factor after trimming; None for 1.
    """
    if magnitudes is not None:
        deltas = [at_least(delta, least) for delta, (least,) in zip(deltas, magnitudes, strict=True)]
    if scales:
        deltas = [delta * scale for delta, scale in zip(deltas, scales, strict=True)]
    return deltas


def _kernel(
    magnitudes: Sequence[tuple[float]] | None = None, scales: Sequence[float] | None = None
) -> dict[str, Any]:
    return {"min_magnitude": [least for (least,) in magnitudes] if magnitudes else None, "rescale": scales}


def _ranks(count: int, density: Sequence[float], series: int) -> tuple[int]:
    share = density[series]
    return (max(1, int(share * count)) if share else 0,)


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """The thresholds, and what `rescale=l1` must know.

    Raises:
        MergeError: the density varies over the model, whose entries are ranked together.
    """
    if all(number == 1 for number in numbers_of(settings, "density")):
        return ()
    varies = any(key.endswith("density") and isinstance(settings[key], dict | list) for key in settings)
    if settings["trim"] == "global" and varies:
        raise MergeError(
            "A density by depth or part ranks each tensor by itself: give trim=tensor as well, or one number."
        )
    scope = "model" if settings["trim"] == "global" else "tensor"
    thresholds = magnitude_reductions(task_vectors, _ranks, scope=scope)  # type: ignore[arg-type]
    rescale = (l1_scales(trim),) if settings["rescale"] == "l1" else ()
    return (*thresholds, *rescale)


TIES = task_vector_method(
    "ties",
    Sparsifier(trim, (DENSITY, TRIM, RESCALE), _kernel, _reductions),
    SIGN_CONSENSUS,
    summary="trim the task vectors to their largest entries, elect signs, average what agrees",
    source="Yadav et al., TIES-Merging (arXiv 2306.01708)",
)
