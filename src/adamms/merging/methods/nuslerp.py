"""Spherical interpolation by whole tensors or by rows, of the models or of their task vectors.

As `slerp`, after mergekit's `nuslerp`: with an ancestor the arc lies between the task vectors and the result
is added to the ancestor; `over=rows` takes the angle of every row of a matrix instead of the whole tensor's.
The way along the arc is the donor's share of the two weights.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.inner_products import Products, by_rows, combination, cosine, inner_products, row_cosines
from adamms.merging.method import MergeMethod, Reduction
from adamms.merging.parameters import ALPHA_ON_ARC, BASE_WEIGHT_OF_REST, Parameter
from adamms.merging.task_vectors import task_vectors

if TYPE_CHECKING:
    import numpy as np

# Products in float32 tell the sine no better; within it the arc is a line, and opposite vectors have no arc.
COLLINEAR = 1e-3


def nuslerp(
    models: "Sequence[np.ndarray]",
    pretrained: "np.ndarray | None" = None,
    *,
    weights: Sequence[float],
    width: int,
    over: str,
    products: Products | None = None,
) -> "np.ndarray":
    """Interpolate base and donor, or their task vectors, on the arc.

    Args:
        models: the base's values and the donor's, flat, float32 (float64 for a float64 base).
        pretrained: the ancestor's, if there is one.
        weights: the base's and the donor's; (1 - alpha, alpha) unless the base has a weight of its own.
        width: elements a row.
        over: `tensor` or `rows`.
        products: the inner products of the whole tensors, for `over=tensor`.
    """
    vectors = list(models) if pretrained is None else task_vectors(models, pretrained)
    total = sum(weights)
    # Weights that cancel say nothing about the way, so it is half of it.
    alpha = weights[1] / total if total else 0.5
    if over == "rows":
        merged = by_rows(vectors, width, lambda rows: _rows(*rows, alpha=alpha))
    else:
        assert products is not None
        first, second = _arc(cosine(products, 0, 1), alpha)
        merged = combination(vectors, [float(first), float(second)])
    if pretrained is not None:
        merged += pretrained
    return merged


def _rows(base: "np.ndarray", donor: "np.ndarray", *, alpha: float) -> "np.ndarray":
    """The same with an angle a row; both arrays are (rows, width)."""
    first, second = _arc(row_cosines(base, donor), alpha)
    return combination([base, donor], [first.astype(base.dtype)[:, None], second.astype(base.dtype)[:, None]])


def _arc(cos: "float | np.ndarray", alpha: float) -> "tuple[np.ndarray, np.ndarray]":
    """The two vectors' coefficients, one for every cosine, in float64."""
    import numpy as np

    omega = np.arccos(cos)
    sine = np.sin(omega)
    line = np.abs(sine) < COLLINEAR
    sine = np.where(line, 1.0, sine)
    return (
        np.where(line, 1 - alpha, np.sin((1 - alpha) * omega) / sine),
        np.where(line, alpha, np.sin(alpha * omega) / sine),
    )


def _reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    if settings["over"] == "rows":
        return ()
    return (inner_products("tensor"),)


NUSLERP = MergeMethod(
    nuslerp,
    summary="slerp by tensors or rows, of the models or (with an ancestor) of their task vectors",
    source="mergekit's nuslerp",
    parameters=(
        ALPHA_ON_ARC,
        BASE_WEIGHT_OF_REST,
        Parameter("over", "tensor", "what has an angle of its own", choices=("tensor", "rows")),
    ),
    pretrained="optional",
    donors="one",
    base_weight="rest",
    reductions=_reductions,
    by_rows=lambda settings: settings["over"] == "rows",
)
