"""Where a language model's output weights are: in a head of its own, in its embedding table, or nowhere.

The config's `tie_word_embeddings` is the first word on it, and a stored head that differs from the embeddings
is the last: transformers then unties the two, whatever the config says (`PreTrainedModel.tie_weights`). A
model that is not tied and stores no head has none, as embedding models are published.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal

from adamms.checkpoints.tensor_info import DTYPE_BITS
from adamms.mapping.decoder import Decoder
from adamms.mapping.slots import EMBED, HEAD

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Head = Literal["own", "tied", "none"]

SAMPLES = 8
"""Places that are compared first, and alone where the tables lie on a hub."""
SAMPLED = 4096
CHUNK = 1 << 22
"""Elements that are read at a time of the one and of the other."""


def head_of(checkpoint: "TensorSource", decoder: Decoder) -> Head:
    """Where a model's head is: `own` tensor, `tied` to the embedding table, or `none`.

    Values are read only where the config says tied and a head is stored all the same.

    Raises:
        CheckpointError: a file ends before the tensor does.
    """
    stored, embeddings = decoder.place(HEAD), decoder.place(EMBED)
    if stored is None:
        return "none" if decoder.config.tied is False else "tied"
    if not decoder.config.tied or embeddings is None:
        return "own"
    return "tied" if _equal(checkpoint, stored.tensor, embeddings.tensor) else "own"


def _equal(checkpoint: "TensorSource", name: str, other: str) -> bool:
    """Whether two tensors hold the same values: all of them in local files, a sample of those on a hub."""
    shape = checkpoint.tensors[name].shape
    if shape != checkpoint.tensors[other].shape:
        return False
    if not checkpoint.random_access:
        return True
    numel = checkpoint.tensors[name].numel
    sample = ((place * (numel - SAMPLED) // (SAMPLES - 1), SAMPLED) for place in range(SAMPLES))
    spans: Iterator[tuple[int, int]] = ((start, CHUNK) for start in range(0, numel, CHUNK))
    if numel > SAMPLES * SAMPLED:
        spans = sample if checkpoint.folder is None else chain(sample, spans)
    return all(_equal_in(checkpoint, name, other, start, min(count, numel - start)) for start, count in spans)


def _equal_in(checkpoint: "TensorSource", name: str, other: str, start: int, count: int) -> bool:
    dtypes = [checkpoint.tensors[tensor].dtype for tensor in (name, other)]
    sizes = [DTYPE_BITS[dtype] // 8 for dtype in dtypes]
    ours, theirs = (
        checkpoint.read_bytes(tensor, start * size, count * size)
        for tensor, size in zip((name, other), sizes, strict=True)
    )
    if dtypes[0] == dtypes[1]:
        return ours == theirs
    # Late: mapping reads headers, and imports numpy only where there are values to compute with.
    from adamms.checkpoints.floats import widened

    return bool((widened(ours, dtypes[0]) == widened(theirs, dtypes[1])).all())
