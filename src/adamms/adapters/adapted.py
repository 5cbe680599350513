"""A model seen through a PEFT adapter: the model's own names, shapes, dtypes and files, other values.

Nothing is folded before it is asked for, and then only the rows that are: W + scaling * B A is computed from
those rows of W and B and from A, in float32.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np

from adamms.adapters.adapter import Adapter
from adamms.adapters.adapter_targets import LowRank, targets
from adamms.adapters.low_rank import add_low_rank, scale_rows
from adamms.checkpoints import TensorSource
from adamms.checkpoints.computed_tensors import ComputedTensors, read_values
from adamms.checkpoints.floats import Values
from adamms.checkpoints.sources import PLUS
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.errors import CheckpointError

CHUNK = 1 << 18
"""Elements that are folded together, about; a row is never divided."""


class AdaptedModel(ComputedTensors):
    """A model and an adapter as one source of tensors, over the model's own files."""

    def __init__(self, model: TensorSource, adapter: Adapter) -> None:
        """Find out which tensors the adapter changes.

        Raises:
            CheckpointError: the adapter does not fit the model.
        """
        self._changes = targets(adapter, model.tensors, model=model.source)
        super().__init__(model, tensors=model.tensors, own=self._changes)
        self._adapter = adapter
        self.source = f"{model.source}{PLUS}{adapter.source}"
        self.pinned = f"{model.pinned}{PLUS}{adapter.stored.pinned}"
        self.folder = model.folder if adapter.stored.folder else None
        parameters = sum(model.tensors[name].numel for name in self._changes)
        self.notes = (
            *model.notes,
            f"The adapter {adapter.source} changes {len(self._changes)} tensors ({parameters:,} parameters).",
        )
        self.random_access = model.random_access and adapter.stored.random_access

    def close(self) -> None:
        """Close the files of both."""
        self.inner.close()
        self._adapter.close()

    # Values

    def require_data(self) -> None:
        """Make sure that both are complete, and that the adapter holds numbers only.

        Raises:
            CheckpointError: a file is cut off, or the adapter holds NaN or infinity.
        """
        self.inner.require_data()
        self._adapter.require_data()

    def compute(self, name: str, start: int, count: int) -> Values:
        """The folded values of a tensor that the adapter changes."""
        values: Values = np.empty(count, _exact(self.tensors[name]))
        for first, part in self._rows_around(name, start, count):
            begin = max(first, start)
            end = min(first + part.size, start + count)
            values[begin - start : end - start] = part[begin - first : end - first]
        return values

    def _rows_around(self, name: str, start: int, count: int) -> Iterator[tuple[int, Values]]:
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
        if change.replacement is None:
            stored = read_values(self.inner, name, start, count)
        else:
            stored = read_values(self._adapter.stored, change.replacement, start, count)
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
            right = self._rows(low_rank.right, -1, None).astype(exact)
            right = right.reshape(-1, rank).T.copy() if low_rank.transposed else right.reshape(rank, -1)
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
        stored = self._adapter.stored
        if rows is None:
            return read_values(stored, name, 0, stored.tensors[name].numel)
        return read_values(stored, name, rows[0] * width, (rows[1] - rows[0]) * width).reshape(-1, width)

    def _columns(self, name: str, height: int, columns: tuple[int, int]) -> Values:
        """Columns of an adapter's matrix of `height` rows."""
        stored = self._adapter.stored
        width = stored.tensors[name].numel // height
        count = columns[1] - columns[0]
        rows = [read_values(stored, name, row * width + columns[0], count) for row in range(height)]
        return np.stack(rows)

    # Identity

    def identity(self) -> dict[str, Any]:
        """The model's identity with its `adapters`; the fingerprint is of all."""
        model = self.inner.identity()
        return {
            **model,
            "fingerprint": self.fingerprint(),
            "adapters": [*model.get("adapters", []), self._adapter.identity()],
        }

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The weight files of both, their sizes and when they were changed."""
        return (*self.inner.state(), *self._adapter.stored.state())

    def versions(self) -> dict[str, Any]:
        """What the answers depend on, of both."""
        return {**self.inner.versions(), **self._adapter.stored.versions()}

    def fingerprint(self) -> str:
        """A cheap identity of the model, the adapter and the adapter's settings."""
        digest = sha256(f"{self.inner.fingerprint()} {self._adapter.fingerprint()}".encode())
        return f"sha256:{digest.hexdigest()}"


def _exact(info: TensorInfo) -> "np.dtype[np.floating[Any]]":
    return np.dtype(np.float64 if info.dtype == "F64" else np.float32)
