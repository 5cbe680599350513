"""The reduction to the inner products of all models, or of their task vectors, in float64.

Norms, cosines, means on a sphere: all of them follow from these few numbers, so a method that needs them of a
whole tensor, or of the whole model, reads it twice and holds nothing.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

from adamms.merging.method import Array, Reduction, Scope

if TYPE_CHECKING:
    import numpy as np

Products = tuple[tuple[float, ...], ...]


def inner_products(scope: Scope) -> Reduction:
    """The reduction; its statistic `products` holds <x_i, x_j> over the scope.

    The x_i are the task vectors where the method reads an ancestor, and otherwise the models.
    """
    return Reduction(_multiply, _statistic, scope)


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


def by_rows(vectors: Sequence[Array], width: int, merge: Callable[[list[Array]], Array]) -> Array:
    """Apply `merge` to flat vectors as arrays of (rows, width), and flatten what it returns."""
    return merge([vector.reshape(-1, width) for vector in vectors]).reshape(-1)


def row_cosines(first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
    """The cosine of every pair of rows, in float64; 0 where one of them is zero. Both are (rows, width)."""
    import numpy as np

    def products(left: "np.ndarray", right: "np.ndarray") -> "np.ndarray":
        return np.multiply(left, right, dtype=np.float64).sum(axis=1)

    lengths = np.sqrt(products(first, first)) * np.sqrt(products(second, second))
    cosines = np.divide(products(first, second), lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.clip(cosines, -1, 1)


def _multiply(models: "Sequence[np.ndarray]", pretrained: "np.ndarray | None" = None) -> "np.ndarray":
    """The products of one block's vectors, (vectors, vectors), float64."""
    import numpy as np

    vectors = models if pretrained is None else [model - pretrained for model in models]
    size = len(vectors)
    products = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            products[i, j] = products[j, i] = np.multiply(vectors[i], vectors[j], dtype=np.float64).sum()
    return products


def _statistic(total: "np.ndarray") -> dict[str, Any]:
    return {"products": tuple(tuple(row) for row in total.tolist())}
