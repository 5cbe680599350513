"""A packed tensor: the tensor that it stands for, and how any part of its values is had.

Two kinds. Where packed rows lie as the values do, a part is unpacked by itself. Where they lie transposed or
interleaved, a unit (an expert, a matrix) is unpacked whole, and the last few are kept.
"""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from adamms.checkpoints.floats import Values, rounded, widened
from adamms.checkpoints.tensor_info import DTYPE_BITS, TensorInfo
from adamms.checkpoints.tensor_source import TensorSource

KEPT_UNITS = 3
"""As many as threads and parents look at together; of a large model each takes some ten megabytes."""


class PackedTensor(ABC):
    """One tensor of a quantised model.

    Attributes:
        info: the tensor that it stands for: its name, shape, and dtype.
    """

    info: TensorInfo

    @abstractmethod
    def values(self, source: TensorSource, start: int, count: int) -> Values:
        """So many of its values from element `start` on, in float32, rounded to the dtype of `info`."""


@dataclass
class UnitCache:
    """The units that were unpacked last, rounded, as bytes. Safe to use from several threads."""

    def __post_init__(self) -> None:
        self._units: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, packed: "UnitPacked", source: TensorSource, unit: int) -> bytes:
        """The bytes of a unit, unpacked now if need be."""
        key = packed.info.name, unit
        # One at a time: two threads that want the same unit would unpack it twice.
        with self._lock:
            if key not in self._units:
                self._units[key] = packed.unit(source, unit)
                if len(self._units) > KEPT_UNITS:
                    self._units.popitem(last=False)
            self._units.move_to_end(key)
            return self._units[key]


class UnitPacked(PackedTensor):
    """A tensor that is unpacked a unit at a time; equal units follow one another in row-major order."""

    cache: UnitCache
    unit_elements: int

    @abstractmethod
    def unit(self, source: TensorSource, index: int) -> bytes:
        """All values of a unit, row-major, as bytes of the dtype of `info`."""

    def values(self, source: TensorSource, start: int, count: int) -> Values:
        """The values, out of the units that hold them."""
        size = DTYPE_BITS[self.info.dtype] // 8
        parts = []
        end = start + count
        while start < end:
            unit, at = divmod(start, self.unit_elements)
            length = min(self.unit_elements - at, end - start)
            data = self.cache.get(self, source, unit)
            parts.append(data[at * size : (at + length) * size])
            start += length
        return widened(b"".join(parts), self.info.dtype)


def round_to(values: Values, dtype: str) -> Values:
    """Values rounded once to a dtype, as float32."""
    return widened(rounded(values, dtype), dtype)


def read_array(
    source: TensorSource, name: str, dtype: str, *, start: int = 0, count: int | None = None
) -> np.ndarray:
    """Elements of a stored tensor as numpy knows them: `u1`, `i1`, `<i4`, `<u4`, `<i8`."""
    size = np.dtype(dtype).itemsize
    length = (source.tensors[name].numel - start) if count is None else count
    return np.frombuffer(source.read_bytes(name, start * size, length * size), dtype)
