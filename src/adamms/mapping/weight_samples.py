"""A few rows of a tensor as numbers, and how alike two such samples are.

What the ancestor check and discovery look at: rows drawn by a fixed seed, the same for every tensor of one
shape, so that two tensors are compared where they correspond. numpy only (torch would take a second to
import), and only imported where weights are read. It knows no roles and no architecture.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from adamms.checkpoints.floats import FLOATS, widened
from adamms.mapping.slots import Rows, row_count

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Values = npt.NDArray[np.float32]

# Rows are read in runs: a run is one read, and on a hub one request.
RUN_ROWS = 4
READABLE = FLOATS


def sample_runs(rows: int, width: int, *, elements: int) -> tuple[Rows, ...]:
    """Runs of rows to look at in `rows` rows of `width` elements: about `elements` of them, or all.

    The same arguments give the same runs, whichever tensor they are for.
    """
    wanted = max(RUN_ROWS, elements // max(width, 1))
    if rows <= wanted:
        return ((0, rows),)
    # One run at a random place in each of as many equal parts, none of which is shorter than a run.
    count = wanted // RUN_ROWS
    random = np.random.default_rng((rows, width))
    bounds = [part * rows // count for part in range(count + 1)]
    starts = [int(random.integers(low, high - RUN_ROWS + 1)) for low, high in pairwise(bounds)]
    return tuple((start, start + RUN_ROWS) for start in starts)


def read_rows(checkpoint: "TensorSource", name: str, runs: Iterable[Rows], *, first: int = 0) -> Values:
    """The values of runs of rows, counted from row `first`, in float32 and one after another.

    Raises:
        CheckpointError: the file ends before the tensor does, or it lies on a hub that cannot give parts.
    """
    info = checkpoint.tensors[name]
    row_bytes = info.nbytes // max(row_count(info.shape), 1)
    parts = [
        checkpoint.read_bytes(name, (first + start) * row_bytes, (stop - start) * row_bytes)
        for start, stop in runs
    ]
    with np.errstate(over="ignore"):
        return widened(b"".join(parts), info.dtype).astype(np.float32, copy=False)


def cosine(one: Values, other: Values) -> float | None:
    """The cosine of two samples, from -1 to 1; None where one is all zeros or not finite."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        # Not `@`: a first call of BLAS wakes its threads, which costs more than all that is sampled.
        norms = float(np.sqrt((a * a).sum()) * np.sqrt((b * b).sum()))
        value = float((a * b).sum()) / norms if norms > 0 else float("nan")
    return value if np.isfinite(value) else None


def width_of(shape: tuple[int, ...]) -> int:
    """How many elements a row has."""
    return prod(shape[1:])
