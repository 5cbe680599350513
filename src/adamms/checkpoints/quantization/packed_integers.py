"""Integers packed into 32 bits: compressed-tensors, GPTQ (arXiv 2210.17323), AWQ (arXiv 2306.00978).

A value is its integer, less a zero point, times the scale of its group. compressed-tensors packs along the
rows; GPTQ and AWQ store the matrix transposed, so a matrix of theirs is unpacked whole.
"""

from dataclasses import dataclass

import numpy as np

from adamms.checkpoints.floats import Values, rounded
from adamms.checkpoints.quantization.packed import PackedTensor, UnitCache, UnitPacked, read_array, round_to
from adamms.checkpoints.quantization.small_floats import read_floats
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.tensor_source import TensorSource

AWQ_ORDER = np.array([0, 2, 4, 6, 1, 3, 5, 7])
"""Which of eight neighbours lies in each nibble of an integer of AWQ's, the lowest first."""


def unpack(integers: np.ndarray, bits: int) -> np.ndarray:
    """Unsigned numbers of `bits` bits, the lowest first: (..., n) int32 to (..., n * 32 / bits) int32."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    wide = integers.view(np.uint32)[..., None] >> shifts & np.uint32((1 << bits) - 1)
    return wide.reshape(*integers.shape[:-1], -1).astype(np.int32)


@dataclass(frozen=True)
class PackedRows(PackedTensor):
    """compressed-tensors' `weight_packed`: symmetric, (rows, columns * bits / 32)."""

    info: TensorInfo
    packed: str
    scales: str
    bits: int
    group: int

    def values(self, source: TensorSource, start: int, count: int) -> Values:
        """Whole rows around the elements are unpacked."""
        columns = self.info.shape[1]
        first, last = start // columns, -(-(start + count) // columns)
        width = source.tensors[self.packed].shape[1]
        groups = source.tensors[self.scales].numel // self.info.shape[0]
        packed = read_array(source, self.packed, "<i4", start=first * width, count=(last - first) * width)
        numbers = unpack(packed.reshape(-1, width), self.bits)[:, :columns] - (1 << self.bits - 1)
        scales = read_floats(source, self.scales, first * groups, (last - first) * groups)
        wide = np.repeat(scales.reshape(-1, groups), self.group, axis=1)[:, :columns]
        flat = (numbers * wide).astype(np.float32).reshape(-1)[start - first * columns :][:count]
        return round_to(flat, self.info.dtype)


@dataclass(frozen=True)
class TransposedIntegers(UnitPacked):
    """GPTQ's and AWQ's `qweight`: a matrix (outputs, inputs), stored by its columns; a unit is all of it.

    Attributes:
        info: the tensor that it stands for.
        module: the name before `.qweight`, `.qzeros`, `.scales`, `.g_idx`.
        bits: of an integer.
        awq: packed along the outputs and interleaved; otherwise along the inputs.
        zero_offset: added to the stored zero points (1 in GPTQ's first format).
        cache: the units that were unpacked last.
    """

    info: TensorInfo
    module: str
    bits: int
    awq: bool
    zero_offset: int
    cache: UnitCache

    @property
    def unit_elements(self) -> int:  # type: ignore[override]
        """All elements."""
        return self.info.numel

    def unit(self, source: TensorSource, index: int) -> bytes:
        """The matrix, (outputs, inputs)."""
        outputs, inputs = self.info.shape
        if self.awq:
            numbers = self._integers(source, f"{self.module}.qweight")
        else:
            packed = self._raw(source, f"{self.module}.qweight")
            numbers = unpack(np.ascontiguousarray(packed.T), self.bits).T
        zeros = self._integers(source, f"{self.module}.qzeros") + self.zero_offset
        scales_name = f"{self.module}.scales"
        groups = source.tensors[scales_name].shape[0]
        scales = read_floats(source, scales_name, 0, groups * outputs).reshape(groups, outputs)
        at = self._groups(source, inputs, groups)
        values = ((numbers - zeros[at]) * scales[at]).astype(np.float32)
        return rounded(np.ascontiguousarray(values.T), self.info.dtype)

    def _groups(self, source: TensorSource, inputs: int, groups: int) -> np.ndarray:
        """The group of each input."""
        name = f"{self.module}.g_idx"
        if name in source.tensors:
            return read_array(source, name, "<i4")
        return np.arange(inputs) // -(-inputs // groups)

    def _raw(self, source: TensorSource, name: str) -> np.ndarray:
        return read_array(source, name, "<i4").reshape(source.tensors[name].shape)

    def _integers(self, source: TensorSource, name: str) -> np.ndarray:
        """Integers packed along the second dimension, in their order."""
        numbers = unpack(self._raw(source, name), self.bits)
        if not self.awq:
            return numbers
        ordered = np.empty_like(numbers).reshape(len(numbers), -1, 8)
        ordered[:, :, AWQ_ORDER] = numbers.reshape(len(numbers), -1, 8)
        return ordered.reshape(len(numbers), -1)
