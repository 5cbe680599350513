"""MXFP4 as gpt-oss stores its experts: `_blocks` of 16 bytes, two float4 each, and a power of two a block.

A stack of experts lies as (experts, rows, groups, 16) and stands for (experts, groups * 32, rows), which is
how transformers keeps these matrices.
"""

from dataclasses import dataclass

import numpy as np

from adamms.checkpoints.floats import Values
from adamms.checkpoints.quantization.packed import UnitCache, UnitPacked, read_array
from adamms.checkpoints.quantization.small_floats import E2M1
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.tensor_source import TensorSource


@dataclass(frozen=True)
class Mxfp4Tensor(UnitPacked):
    """A stack of experts; a unit is an expert."""

    info: TensorInfo
    blocks: str
    scales: str
    cache: UnitCache

    @property
    def unit_elements(self) -> int:  # type: ignore[override]
        """Elements of an expert."""
        return self.info.shape[-2] * self.info.shape[-1]

    def unit(self, source: TensorSource, index: int) -> Values:
        """An expert's matrix, (groups * 32, rows)."""
        columns, rows = self.info.shape[-2:]
        groups = columns // 32
        packed = read_array(
            source, self.blocks, "u1", start=index * rows * groups * 16, count=rows * groups * 16
        ).reshape(-1, 16)
        exponents = read_array(source, self.scales, "u1", start=index * rows * groups, count=rows * groups)
        values = E2M1[np.stack([packed & 15, packed >> 4], axis=2).reshape(-1, 32)]
        with np.errstate(over="ignore", invalid="ignore"):
            values *= np.ldexp(np.float32(1), exponents.astype(np.int32) - 127)[:, None]
        return np.ascontiguousarray(values.reshape(rows, columns).T).reshape(-1)
