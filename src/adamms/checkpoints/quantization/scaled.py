"""Weights in float8 or int8 with scales for blocks, rows, or all of the matrix.

The block scales of DeepSeek-V3 and Qwen3 (`weight_scale_inv`, arXiv 2412.19437), the scales by channel or by
tensor of compressed-tensors and ModelOpt (`weight_scale`), and LLM.int8 (`SCB`, arXiv 2208.07339): a value is
its number times its block's scale, in float32, rounded once.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from adamms.checkpoints.floats import Values
from adamms.checkpoints.quantization.packed import PackedTensor, round_to
from adamms.checkpoints.quantization.small_floats import E2M1, TABLES, read_floats
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.tensor_source import TensorSource

INT8_SCALE = 7.874015718698502e-3
"""1/127: LLM.int8 stores the largest magnitude of a row, not a scale."""


@dataclass(frozen=True)
class ScaledTensor(PackedTensor):
    """Numbers (..., rows, columns) and a grid of scales (..., scale rows, scale columns).

    Attributes:
        info: the tensor that it stands for.
        numbers: the stored tensor with the numbers.
        scales: the stored tensor with the scales.
        grid: scale rows and scale columns of a matrix.
        block: rows and columns that share a scale.
        factor: what every scale is multiplied by.
    """

    info: TensorInfo
    numbers: str
    scales: str
    grid: tuple[int, int]
    block: tuple[int, int]
    factor: float = 1.0

    def values(self, source: TensorSource, start: int, count: int) -> Values:
        """Whole rows around the elements are unpacked."""
        shape = self.info.shape
        rows, width = (shape[-2] if len(shape) > 1 else 1), shape[-1]
        first, last = start // width, -(-(start + count) // width)
        numbers = self._numbers(source, first * width, (last - first) * width).reshape(-1, width)
        # Row by row the scale row that it has: matrices of a stack follow one another in both.
        at = np.arange(first, last)
        scale_rows = at // rows * self.grid[0] + at % rows // self.block[0]
        low, high = int(scale_rows[0]), int(scale_rows[-1]) + 1
        scales = read_floats(source, self.scales, low * self.grid[1], (high - low) * self.grid[1])
        scales = (scales * np.float32(self.factor)).reshape(-1, self.grid[1])
        wide = np.repeat(scales, self.block[1], axis=1)[:, :width]
        with np.errstate(over="ignore", invalid="ignore"):
            numbers *= wide[scale_rows - low]
        flat = numbers.reshape(-1)[start - first * width :][:count]
        return round_to(flat, self.info.dtype)

    def _numbers(self, source: TensorSource, start: int, count: int) -> Values:
        dtype = source.tensors[self.numbers].dtype
        if dtype != "I8":
            return TABLES[dtype][np.frombuffer(source.read_bytes(self.numbers, start, count), np.uint8)]
        if source.tensors[self.numbers].numel == prod(self.info.shape):
            return np.frombuffer(source.read_bytes(self.numbers, start, count), np.int8).astype(np.float32)
        # Two floats of four bits a byte, the lower half first; a row has an even number of them.
        packed = np.frombuffer(source.read_bytes(self.numbers, start // 2, count // 2), np.uint8)
        return E2M1[np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)]
