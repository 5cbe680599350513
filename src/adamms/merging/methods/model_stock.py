"""Model Stock: how far from the ancestor towards the models' mean, by the angle between their task vectors.

    theta_out = t * mean_i theta_i + (1 - t) * theta_0,   t = N cos / (1 + (N - 1) cos)

Jang et al., Model Stock (arXiv 2403.19522), equation 2 and appendix; cos is the mean cosine of the pairs of
task vectors, tensor by tensor; one of length 0 counts as at right angles to the others. t is not clamped, so
task vectors that point apart lead beyond the ancestor.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from adamms.merging.inner_products import Products, by_rows, combination, cosine, inner_products, row_cosines
from adamms.merging.method import MergeMethod, Reduction
from adamms.merging.parameters import Parameter
from adamms.merging.task_vectors import task_vectors

if TYPE_CHECKING:
    import numpy as np


def model_stock(
    models: "Sequence[np.ndarray]",
    pretrained: "np.ndarray",
    *,
    width: int,
    over: str,
    products: Products | None = None,
) -> "np.ndarray":
    """Between the ancestor and the models' mean.

    Args:
        models: the base's values and the donors', flat, float32 (float64 for a float64 base).
        pretrained: the ancestor's.
        width: elements a row.
        over: `tensor` or `rows`: what has an angle of its own.
        products: the inner products of the whole tensors' task vectors, for `over=tensor`.
    """
    count = len(models)
    mean = combination(models, [1 / count] * count)
    if over == "rows":
        deltas = task_vectors(models, pretrained)
        return by_rows([mean, pretrained, *deltas], width, lambda rows: _rows(*rows))
    assert products is not None
    cos = fmean(cosine(products, *pair) for pair in combinations(range(count), 2))
    share = _share(cos, count)
    return combination([mean, pretrained], [share, 1 - share])


def _share(cos: float, count: int) -> float:
    """t; at the one cosine where it is infinite there is no direction to go, so the ancestor stays."""
    below = 1 + (count - 1) * cos
    return count * cos / below if below else 0.0


def _rows(mean: "np.ndarray", pretrained: "np.ndarray", *deltas: "np.ndarray") -> "np.ndarray":
    """The same with an angle a row; all arrays are (rows, width)."""
    import numpy as np

    count = len(deltas)
    cos = np.mean([row_cosines(*pair) for pair in combinations(deltas, 2)], axis=0)
    below = 1 + (count - 1) * cos
    share = np.divide(count * cos, below, out=np.zeros_like(cos), where=below != 0)
    share = share.astype(mean.dtype)[:, None]
    return combination([mean, pretrained], [share, 1 - share])


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    return () if settings["over"] == "rows" else (inner_products("tensor"),)


MODEL_STOCK = MergeMethod(
    model_stock,
    summary="between theta_0 and the models' mean, by the angle between their task vectors",
    source="Jang et al., Model Stock (arXiv 2403.19522)",
    parameters=(Parameter("over", "tensor", "what has an angle of its own", choices=("tensor", "rows")),),
    pretrained="needed",
    reductions=_reductions,
    by_rows=lambda settings: settings["over"] == "rows",
)
