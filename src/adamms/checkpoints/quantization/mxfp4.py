"""MXFP4 as gpt-oss stores its experts: `_blocks` of 16 bytes, two float4 each, and a power of two a block.

A stack of experts lies as (experts, rows, groups, 16) and stands for (experts, groups * 32, rows), which is
how transformers keeps these matrices.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from adamms.checkpoints.floats import rounded
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

    def unit(self, source: TensorSource, index: int) -> bytes:
        """An expert's matrix, (groups * 32, rows)."""
        columns, rows = self.info.shape[-2:]
        groups = columns // 32
        packed = read_array(
            source, self.blocks, "u1", start=index * rows * groups * 16, count=rows * groups * 16
        ).reshape(-1, 16)
        exponents = read_array(source, self.scales, "u1", start=index * rows * groups, count=rows * groups)
        table = pair_table(self.info.dtype)
        # A byte and its block's exponent make one index: each pair of values is looked up, none computed.
        pairs = table[(exponents.astype(np.uint16) << 8)[:, None] | packed]
        values = pairs.view(f"u{table.itemsize // 2}").reshape(rows, columns)
        return np.ascontiguousarray(values.T).tobytes()


@cache
def pair_table(dtype: str) -> np.ndarray:
    """The bits of the two values of every byte under every exponent, (65536,); the lower half comes first."""
    codes = np.arange(256)
    with np.errstate(over="ignore", invalid="ignore"):
        scales = np.ldexp(np.float32(1), codes - 127)[:, None, None]
        values = (np.stack([E2M1[codes & 15], E2M1[codes >> 4]], axis=1) * scales).reshape(-1)
    data = rounded(values, dtype)
    return np.frombuffer(data, f"u{len(data) // 65536}")
