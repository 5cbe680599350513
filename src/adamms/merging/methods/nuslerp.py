"""Spherical interpolation by whole tensors or by rows, of the models or of their task vectors.

As `slerp`, after mergekit's `nuslerp`: with an ancestor the arc lies between the task vectors and the result
is added to the ancestor; `over=rows` takes the angle of every row of a matrix instead of the whole tensor's.
The way along the arc is the donor's share of the two weights.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adamms.merging.inner_products import Products, by_rows, combination, cosine, inner_products
from adamms.merging.method import MergeMethod, Parameter, Reduction
from adamms.merging.methods.parameters import ALPHA_ON_ARC, BASE_WEIGHT_OF_REST
from adamms.merging.task_vectors import task_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from torch import Tensor

# Products in float32 tell the sine no better; within it the arc is a line, and opposite vectors have no arc.
COLLINEAR = 1e-3


def nuslerp(
    models: "Sequence[Tensor]",
    pretrained: "Tensor | None" = None,
    *,
    weights: Sequence[float],
    width: int,
    over: str,
    products: Products | None = None,
) -> "Tensor":
    """Interpolate base and donor, or their task vectors, on the arc.

    Args:
        models: the base's values and the donor's.
        pretrained: the ancestor's, if there is one.
        weights: the base's and the donor's; (1 - alpha, alpha) unless the base has a weight of its own.
        width: elements a row.
        over: `tensor` or `rows`.
        products: the inner products of the whole tensors, for `over=tensor`.
    """
    import torch

    vectors = list(models) if pretrained is None else task_vectors(models, pretrained)
    whole = sum(weights)
    # Weights that cancel say nothing about the way, so it is half of it.
    alpha = weights[1] / whole if whole else 0.5
    if over == "rows":
        merged = by_rows(vectors, width, lambda rows: _rows(*rows, alpha=alpha))
    else:
        assert products is not None
        cos = torch.tensor(cosine(products, 0, 1), dtype=torch.float64)
        merged = combination(vectors, [float(each) for each in _arc(cos, alpha)])
    return merged if pretrained is None else merged.add_(pretrained)


def _rows(base: "Tensor", donor: "Tensor", *, alpha: float) -> "Tensor":
    import torch

    lengths = base.double().norm(dim=1) * donor.double().norm(dim=1)
    products = torch.sum(base.double() * donor.double(), dim=1)
    cos = torch.where(lengths > 0, products / lengths, 0.0).clamp(-1, 1)
    return combination([base, donor], [each[:, None].to(base.dtype) for each in _arc(cos, alpha)])


def _arc(cos: "Tensor", alpha: float) -> "tuple[Tensor, Tensor]":
    import torch

    omega = torch.acos(cos)
    sine = torch.sin(omega)
    line = sine.abs() < COLLINEAR
    sine = sine.masked_fill(line, 1.0)
    return (
        torch.where(line, 1 - alpha, torch.sin((1 - alpha) * omega) / sine),
        torch.where(line, alpha, torch.sin(alpha * omega) / sine),
    )


def _reductions(settings: "Mapping[str, Any]") -> tuple[Reduction, ...]:
    if settings["over"] == "rows":
        return ()
    return (inner_products("tensor"),)


METHOD = MergeMethod(
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
