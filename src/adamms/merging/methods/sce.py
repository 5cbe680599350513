"""SCE: select what varies most between the models, calculate their weights, erase minorities.

Wan et al., FuseChat (arXiv 2408.07990), section 3.3. Tensor by tensor: the `topk` share of the entries whose
variance over the task vectors is not zero stay; a model's weight is the mean square of what stays of it;
entries against the sign of the sum of all are erased; what is left is averaged by weight.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.arrays import ones_where
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import Array, MergeMethod, Reduction, numbers_of
from adamms.merging.parameters import Parameter
from adamms.merging.task_vectors import (
    add_to,
    agreement_weights,
    elect_signs,
    task_vectors,
    weighted_sum,
)

if TYPE_CHECKING:
    import numpy as np

LITTLE = 1e-6


def sce(
    models: "Sequence[np.ndarray]",
    pretrained: "np.ndarray",
    *,
    squares: Sequence[float],
    magnitudes: Sequence[tuple[float]] | None = None,
) -> Array:
    """The ancestor plus the selected, weighted and erased task vectors.

    Args:
        models: the base's values and the donors', flat, float32 (float64 for a float64 base).
        pretrained: the ancestor's.
        squares: each model's mean square after selection, over the whole tensor.
        magnitudes: the least variance selected; None selects everything.
    """
    import numpy as np

    deltas = select(models, pretrained, magnitudes=magnitudes)
    total = sum(squares)
    weights = [square / total for square in squares] if total else [1 / len(squares)] * len(squares)
    sign, parts = elect_signs(deltas)
    share = np.maximum(agreement_weights(parts, weights), LITTLE)
    merged = weighted_sum(parts, weights, normalize=False)
    merged /= share
    merged *= sign
    return add_to(pretrained, merged, lambda_=1.0)


def select(
    models: "Sequence[np.ndarray]",
    pretrained: "np.ndarray",
    *,
    magnitudes: Sequence[tuple[float]] | None = None,
) -> list[Array]:
    """The task vectors where their variance reaches the least selected."""
    import numpy as np

    deltas = task_vectors(models, pretrained)
    if magnitudes is not None:
        ((least,),) = magnitudes
        selected = _variance(deltas).astype(np.float32, copy=False) >= least
        for delta in deltas:
            delta *= ones_where(selected, delta)
    return deltas


def variance(models: "Sequence[np.ndarray]", pretrained: "np.ndarray") -> "list[np.ndarray]":
    """The task vectors' variance, entry by entry: one series."""
    return [_variance(task_vectors(models, pretrained))]


def _variance(deltas: "Sequence[np.ndarray]") -> "np.ndarray":
    import numpy as np

    return np.var(np.stack(deltas), axis=0, dtype=np.float64).astype(deltas[0].dtype)


def _ranks(count: int, nonzero: int, topk: float) -> tuple[int]:
    return (count if topk == 1 else int(nonzero * topk),)


def _squares(
    models: "Sequence[np.ndarray]",
    pretrained: "np.ndarray",
    magnitudes: Sequence[tuple[float]] | None = None,
) -> "np.ndarray":
    import numpy as np

    deltas = select(models, pretrained, magnitudes=magnitudes)
    return np.array([np.multiply(delta, delta, dtype=np.float64).sum() for delta in deltas])


def _mean_squares(total: "np.ndarray", count: int) -> dict[str, Any]:
    return {"squares": tuple((total / count).tolist())}


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    everything = all(number == 1 for number in numbers_of(settings, "topk"))
    selection = () if everything else magnitude_reductions(variance, _ranks, scope="tensor")
    return (*selection, Reduction(_squares, _mean_squares))


SCE = MergeMethod(
    sce,
    summary="select what varies most between the models, weight by squares, erase minority signs",
    source="Wan et al., FuseChat (SCE, arXiv 2408.07990)",
    parameters=(Parameter("topk", 0.1, "the share of the varying entries selected", 0, 1, coefficient=True),),
    pretrained="needed",
    reductions=_reductions,
)
