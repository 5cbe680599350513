"""A model some of whose values are computed while they are read: a source of tensors around another.

Names, layout and files are the inner source's. What computes says which tensors it computes and gives blocks
of their values, in float32 (float64 where the tensor is stored so); whoever asks for bytes gets these rounded
once to the tensor's dtype.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from adamms.checkpoints.floats import Values, rounded, widened
from adamms.checkpoints.tensor_info import DTYPE_BITS, TensorInfo
from adamms.checkpoints.tensor_source import TensorSource
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.torch_tensor import Tensor

CHUNK = 1 << 18
"""Elements that are rounded together."""


class ComputedTensors(ABC):
    """A `TensorSource` around `inner`; a subclass computes the tensors that it names."""

    def __init__(
        self, inner: TensorSource, *, tensors: Mapping[str, TensorInfo], own: Collection[str]
    ) -> None:
        """Wrap a source.

        Args:
            inner: the source around which this is one.
            tensors: the names, shapes and dtypes that are seen from outside.
            own: the names of those that are computed here.
        """
        self.inner = inner
        self.own = own
        self.tensors = tensors
        self.computed = tuple(name for name in tensors if name in own or name in inner.computed)
        self.source = inner.source
        self.revision = inner.revision
        self.pinned = inner.pinned
        self.notes = inner.notes
        self.folder = inner.folder
        self.files = inner.files
        self.config = inner.config
        self.format = inner.format
        self.shards = inner.shards
        self.indexed = inner.indexed
        self.random_access = inner.random_access
        self.vocabulary = inner.vocabulary
        self.auxiliary_files = inner.auxiliary_files

    @abstractmethod
    def compute(self, name: str, start: int, count: int) -> Values:
        """So many values of a tensor from element `start` on: float32, or float64 where it is stored so."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of all that it reads."""
        self.inner.close()

    def require_data(self) -> None:
        """Make sure that all that it reads is here and whole.

        Raises:
            CheckpointError: a file is missing or cut off, or only headers were fetched.
        """
        self.inner.require_data()

    def identity(self) -> dict[str, Any]:
        """What a merge records of a parent."""
        return self.inner.identity()

    def fingerprint(self) -> str:
        """A cheap identity of all that its values depend on."""
        return self.inner.fingerprint()

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The weight files that it reads, their sizes and when they were changed (in nanoseconds)."""
        return self.inner.state()

    def versions(self) -> dict[str, Any]:
        """What its answers depend on: hub commits, or files with their sizes and times of change."""
        return self.inner.versions()

    # Values

    def exact_dtype(self, name: str) -> str:
        """F32, or F64 where the tensor is stored so; the inner source's where nothing is computed here."""
        if name not in self.own:
            return self.inner.exact_dtype(name)
        return "F64" if self.tensors[name].dtype == "F64" else "F32"

    def read_exact(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with values in the `exact_dtype`, not rounded, from element `start` on."""
        if name not in self.own:
            self.inner.read_exact(name, buffer, start=start)
            return
        view = buffer.cast("B")
        count = len(view) // (DTYPE_BITS[self.exact_dtype(name)] // 8)
        view[:] = self.compute(name, start, count).view(np.uint8).data

    def read_into(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with bytes from byte `start` on, rounded to the tensor's dtype if computed."""
        if name not in self.computed:
            self.inner.read_into(name, buffer, start=start)
            return
        info = self.tensors[name]
        view = buffer.cast("B")
        if start < 0 or start + len(view) > info.nbytes:
            raise ValueError(f"{name} has {info.nbytes} bytes, not {start + len(view)}")
        size = DTYPE_BITS[info.dtype] // 8
        end = start + len(view)
        for element in range(start // size, -(-end // size), CHUNK):
            count = min(CHUNK, -(-end // size) - element)
            data = self._rounded(info, element, count)
            at = element * size
            begin, stop = max(at, start), min(at + len(data), end)
            view[begin - start : stop - start] = data[begin - at : stop - at]

    def _rounded(self, info: TensorInfo, start: int, count: int) -> bytes:
        values = read_values(self, info.name, start, count)
        data = rounded(values, info.dtype)
        if info.dtype == "F16":
            lost = np.isinf(widened(data, info.dtype)) & np.isfinite(values)
            if lost.any():
                raise CheckpointError(
                    f"In {self.source}, {int(lost.sum())} values of {info.name} exceed the largest float16 "
                    "value (65504), in which the model is stored; give the model in bfloat16."
                )
        return data

    def read_bytes(self, name: str, start: int, length: int) -> bytes:
        """A few bytes; of headers on a hub, what is computed takes a few range requests."""
        if name not in self.computed:
            return self.inner.read_bytes(name, start, length)
        data = bytearray(length)
        self.read_into(name, memoryview(data), start=start)
        return bytes(data)

    def tensor(self, name: str) -> "Tensor":
        """A tensor; one that is computed lies in memory whole."""
        if name not in self.computed:
            return self.inner.tensor(name)
        # Late: bytes need no torch.
        from adamms.checkpoints.torch_tensor import torch_tensor

        info = self.tensors[name]
        data = bytearray(info.nbytes)
        self.read_into(name, memoryview(data))
        return torch_tensor(info, data, source=self.source)


def read_values(source: TensorSource, name: str, start: int, count: int) -> Values:
    """Elements of a floating-point tensor, not rounded, as float32 or float64 in the caller's own memory."""
    dtype = source.exact_dtype(name)
    size = DTYPE_BITS[dtype] // 8
    if name not in source.computed:
        # By bytes, which the headers of a hub give as well.
        return widened(source.read_bytes(name, start * size, count * size), dtype)
    data = bytearray(count * size)
    source.read_exact(name, memoryview(data), start=start)
    return widened(data, dtype)
