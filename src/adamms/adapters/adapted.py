"""A model seen through a PEFT adapter: the model's own names, shapes, dtypes and files, other values.

Nothing is folded before it is asked for, and then only the rows that are: W + scaling * B A is computed from
those rows of W and B and from A, in float32. Merging takes these values as they are; who asks for bytes gets
them rounded once to the tensor's dtype. It knows no mapping and no merge.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from adamms.adapters.adapter import Adapter
from adamms.adapters.adapter_targets import LowRank, targets
from adamms.adapters.low_rank import add_low_rank, scale_rows
from adamms.checkpoints.checkpoint import Checkpoint, Origin
from adamms.checkpoints.floats import Values, rounded, widened
from adamms.checkpoints.sources import PLUS
from adamms.checkpoints.tensor_info import DTYPE_BITS, TORCH_NAMES, TensorInfo
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1 << 18
"""Elements that are folded together, about; a row is never divided."""


def adapted(origin: Origin, adapters: Sequence[str], *, download: bool) -> Checkpoint:
    """A model with adapters folded in, one after the other.

    Raises:
        CheckpointError: the model or an adapter cannot be read, or they do not fit.
    """
    model = Checkpoint(origin)
    for source in adapters:
        model = AdaptedCheckpoint(model, Adapter.at(source, download=download))
    return model


class AdaptedCheckpoint(Checkpoint):
    """A checkpoint and an adapter as one checkpoint. `files` and `shards` are the model's."""

    def __init__(self, model: Checkpoint, adapter: Adapter) -> None:
        # Everything that the model has read of its own is taken over; nothing is read twice.
        self._model = model
        self._adapter = adapter
        self.source = f"{model.source}{PLUS}{adapter.source}"
        self.revision = model.revision
        self.folder = model.folder if adapter.folder else None
        self.files = model.files
        self.config = model.config
        self.format = model.format
        self.shards = model.shards
        self.indexed = model.indexed
        self.tensors = model.tensors
        self._changes = targets(adapter, model.tensors, model=model.source)
        self.altered = tuple(name for name in model.tensors if name in self._changes or name in model.altered)

    def close(self) -> None:
        """Close the files of both."""
        self._model.close()
        self._adapter.close()

    # Values

    def require_data(self) -> None:
        """Make sure that both are complete, and that the adapter holds numbers only.

        Raises:
            CheckpointError: a file is cut off, or the adapter holds NaN or infinity.
        """
        self._model.require_data()
        self._adapter.require_data()

    def unrounded(self, name: str, *, start: int, count: int) -> Values | None:
        """The folded values of a tensor that the adapter changes; None for the others."""
        if name not in self._changes:
            return self._model.unrounded(name, start=start, count=count)
        info = self.tensors[name]
        values: Values = np.empty(count, _exact(info))
        for first, part in self._parts(name, start, count):
            begin = max(first, start)
            end = min(first + part.size, start + count)
            values[begin - start : end - start] = part[begin - first : end - first]
        return values

    def _parts(self, name: str, start: int, count: int) -> Iterator[tuple[int, Values]]:
        """Folded whole rows that hold these elements: the first element and the values, a chunk at a time."""
        shape = self.tensors[name].shape
        width = max(int(np.prod(shape[1:], dtype=np.int64)), 1)
        first, last = start // width, -(-(start + count) // width)
        step = max(CHUNK // width, 1)
        for row in range(first, last, step):
            rows = (row, min(row + step, last))
            yield row * width, self._folded(name, rows, width).reshape(-1)

    def _folded(self, name: str, rows: tuple[int, int], width: int) -> Values:
        """Rows of a changed tensor, (rows, width)."""
        change = self._changes[name]
        start, count = rows[0] * width, (rows[1] - rows[0]) * width
        if change.whole is None:
            stored = _values(self._model, name, start, count)
        else:
            stored = _values(self._adapter, change.whole, start, count)
        weight: Values = stored.astype(_exact(self.tensors[name]), copy=False).reshape(-1, width)
        if change.low_rank is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                self._move(weight, change.low_rank, rows, name=name)
        return weight

    def _move(self, weight: Values, low_rank: LowRank, rows: tuple[int, int], *, name: str) -> None:
        exact, rank = weight.dtype, low_rank.rank
        if low_rank.transposed:
            left = self._columns(low_rank.left, rank, rows).astype(exact).T.copy()
        else:
            left = self._rows(low_rank.left, rank, rows).astype(exact)
        right = None
        if low_rank.right is not None:
            whole = self._rows(low_rank.right, -1, None).astype(exact)
            right = whole.reshape(-1, rank).T.copy() if low_rank.transposed else whole.reshape(rank, -1)
        add_low_rank(weight, left, right, scaling=low_rank.scaling)
        if low_rank.magnitude is not None:
            magnitude = self._rows(low_rank.magnitude, 1, rows).astype(exact)[:, 0]
            if not scale_rows(weight, magnitude):
                raise CheckpointError(
                    f"Some of the rows {rows[0]}-{rows[1]} of {name} in {self.source} are all zeros, and "
                    "DoRA cannot give zeros a length; the model or the adapter is damaged."
                )

    def _rows(self, name: str, width: int, rows: tuple[int, int] | None) -> Values:
        """Rows of an adapter's tensor as a matrix; all of it without `rows`."""
        numel = self._adapter.tensors[name].numel
        if rows is None:
            return _values(self._adapter, name, 0, numel)
        return _values(self._adapter, name, rows[0] * width, (rows[1] - rows[0]) * width).reshape(-1, width)

    def _columns(self, name: str, height: int, columns: tuple[int, int]) -> Values:
        """Columns of an adapter's matrix of `height` rows."""
        width = self._adapter.tensors[name].numel // height
        count = columns[1] - columns[0]
        rows = [_values(self._adapter, name, row * width + columns[0], count) for row in range(height)]
        return np.stack(rows)

    # Bytes

    def read_into(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's bytes from `start` on, folded and rounded to the tensor's dtype."""
        if name not in self._changes and name not in self._model.altered:
            self._model.read_into(name, buffer, start=start)
            return
        info = self.tensors[name]
        view = buffer.cast("B")
        if start < 0 or start + len(view) > info.nbytes:
            raise ValueError(f"{name} has {info.nbytes} bytes, not {start + len(view)}")
        size = DTYPE_BITS[info.dtype] // 8
        end = start + len(view)
        for element in range(start // size, -(-end // size), CHUNK):
            count = min(CHUNK, -(-end // size) - element)
            data = self._rounded(name, element, count)
            at = element * size
            begin, stop = max(at, start), min(at + len(data), end)
            view[begin - start : stop - start] = data[begin - at : stop - at]

    def _rounded(self, name: str, start: int, count: int) -> bytes:
        info = self.tensors[name]
        values = self.unrounded(name, start=start, count=count)
        assert values is not None
        data = rounded(values, info.dtype)
        if info.dtype == "F16":
            lost = np.isinf(widened(data, info.dtype)) & np.isfinite(values)
            if lost.any():
                raise CheckpointError(
                    f"With the adapter {self._adapter.source}, {int(lost.sum())} values of {name} exceed the "
                    "largest float16 value (65504), in which the model is stored; give the model in bfloat16."
                )
        return data

    def read_bytes(self, name: str, start: int, length: int) -> bytes:
        """A few bytes of a tensor, folded and rounded; of headers on a hub, by a few range requests."""
        if name not in self._changes and name not in self._model.altered:
            return self._model.read_bytes(name, start, length)
        data = bytearray(length)
        self.read_into(name, memoryview(data), start=start)
        return bytes(data)

    def tensor(self, name: str) -> "Tensor":
        """A tensor; one that the adapter changes is computed and lies in memory whole."""
        if name not in self._changes and name not in self._model.altered:
            return self._model.tensor(name)
        import torch

        info = self.tensors[name]
        data = bytearray(info.nbytes)
        self.read_into(name, memoryview(data))
        dtype = getattr(torch, TORCH_NAMES[info.dtype])
        return (
            torch.frombuffer(data, dtype=dtype).view(info.shape)
            if data
            else torch.empty(info.shape, dtype=dtype)
        )

    # Identity

    @property
    def parts(self) -> tuple[Checkpoint, ...]:
        """The model, and its adapters in the order in which they are applied."""
        return (*self._model.parts, self._adapter)

    @property
    def gives_parts(self) -> bool:
        """Whether a few bytes of a tensor can be read of both."""
        return self._model.gives_parts and self._adapter.gives_parts

    @property
    def pinned(self) -> str:
        """The name that opens the very same again, each part with the commit that was read."""
        return f"{self._model.pinned}{PLUS}{self._adapter.pinned}"

    def identity(self) -> dict[str, Any]:
        """The model's identity with its `adapters`; the fingerprint is of all."""
        model = self._model.identity()
        return {
            **model,
            "fingerprint": self.fingerprint(),
            "adapters": [*model.get("adapters", []), self._adapter.identity()],
        }

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The weight files of both, their sizes and when they were changed."""
        return (*self._model.state(), *self._adapter.state())

    def fingerprint(self) -> str:
        """A cheap identity of the model, the adapter and the adapter's settings."""
        digest = sha256(f"{self._model.fingerprint()} {self._adapter.fingerprint()}".encode())
        return f"sha256:{digest.hexdigest()}"


def _exact(info: TensorInfo) -> "np.dtype[np.floating[Any]]":
    return np.dtype(np.float64 if info.dtype == "F64" else np.float32)


def _values(checkpoint: Checkpoint, name: str, start: int, count: int) -> Values:
    """Elements of a tensor, widened, folded ones not rounded; the array is the caller's own."""
    exact = checkpoint.unrounded(name, start=start, count=count)
    if exact is not None:
        return exact
    info = checkpoint.tensors[name]
    size = DTYPE_BITS[info.dtype] // 8
    return widened(checkpoint.read_bytes(name, start * size, count * size), info.dtype)
