"""Metrics: how far two answers are from each other.

`exact` asks whether they are the same text (the paper); `embedding` takes 1 - cosine of their sentence
embeddings, as one published script does. A metric is made once for all texts, so that an embedder sees every
distinct text once, in one batch. Knows no candidates and no choice.
"""

from collections.abc import Sequence

import numpy as np

from adamms.errors import SearchError
from adamms.searching.distances import Distances, Metric
from adamms.searching.embedding import embedding_metric

METRICS = ("exact", "embedding")


def make_metric(name: str, texts: Sequence[str], *, embedding_model: str | None = None) -> Metric:
    """A metric, ready to compare any of `texts`.

    Args:
        name: `exact` or `embedding`.
        texts: all texts that will be compared.
        embedding_model: name or path of a sentence-transformers model, for `embedding`.

    Raises:
        SearchError: no such metric, or the embedder is not installed or cannot be loaded.
    """
    if name == "exact":
        return exact
    if name == "embedding":
        return embedding_metric(texts, model=embedding_model)
    raise SearchError(f"There is no metric {name!r}; there is: {', '.join(METRICS)}.")


def exact(left: Sequence[str], right: Sequence[str]) -> Distances:
    """1 for every pair of answers that are not the same text."""
    return np.array([float(a != b) for a, b in zip(left, right, strict=True)])
