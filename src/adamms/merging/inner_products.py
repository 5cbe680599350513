"""The pass that finds the inner products of all models, or of their task vectors, in float64.

Norms, cosines, means on a sphere: all of them follow from these few numbers, so a method that needs them of a
whole tensor, or of the whole model, reads it twice and holds nothing.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

from adamms.merging.arrays import Array, as_numpy
from adamms.merging.method import Reduction, Scope

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Products = tuple[tuple[float, ...], ...]


def inner_products(scope: Scope) -> Reduction:
    """The pass; its fact `products` holds <x_i, x_j> over the scope.

    The x_i are the task vectors where the method reads an ancestor, and otherwise the models.
    """
    return Reduction(_measure, _conclude, scope)


def norms(products: Products) -> tuple[float, ...]:
    """The vectors' lengths."""
    return tuple(sqrt(products[i][i]) for i in range(len(products)))


def cosine(products: Products, first: int, second: int) -> float:
    """The cosine of two of the vectors; 0 where one of them is zero, as mergekit has it."""
    length = sqrt(products[first][first]) * sqrt(products[second][second])
    return max(-1.0, min(1.0, products[first][second] / length)) if length else 0.0


def combination(vectors: Sequence[Array], coefficients: Sequence[float | Array]) -> Array:
    """The vectors' sum with a coefficient each, a number or one a row.

    A term of coefficient 0 is left out, so a vector of coefficient 1 that stands alone stays bit for bit.
    """
    terms = [
        vector * coefficient
        for vector, coefficient in zip(vectors, coefficients, strict=True)
        if not isinstance(coefficient, float | int) or coefficient
    ]
    if not terms:
        return vectors[0] * 0
    total, *others = terms
    for term in others:
        total += term
    return total


def by_rows(vectors: "Sequence[Tensor]", width: int, merge: "Callable[..., Tensor]") -> "Tensor":
    """Apply `merge` to the vectors as rows of `width` elements, and flatten what it returns."""
    return merge([vector.view(-1, width) for vector in vectors]).reshape(-1)


def _measure(models: Sequence[Array], pretrained: Array | None = None) -> "np.ndarray":
    import numpy as np

    # Always numpy's sum, as torch adds up in another order.
    given = models if pretrained is None else [model - pretrained for model in models]
    vectors = [as_numpy(vector) for vector in given]
    size = len(vectors)
    found = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            found[i, j] = found[j, i] = np.multiply(vectors[i], vectors[j], dtype=np.float64).sum()
    return found


def _conclude(total: "np.ndarray") -> dict[str, Any]:
    return {"products": tuple(tuple(row) for row in total.tolist())}
