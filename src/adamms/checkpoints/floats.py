"""Stored floating numbers as arrays, and back: bytes to float32, and float32 rounded once to bytes.

numpy only, so that what reads a few rows never imports torch. numpy has no bfloat16: it is the upper half of
a float32.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]

FLOATS = ("BF16", "F16", "F32", "F64")
"""The dtypes that can be computed with, in safetensors' spelling."""
_KINDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def widened(data: bytes | bytearray | memoryview, dtype: str) -> Values:
    """The values in `data`, exact: float64 where they are stored so, otherwise float32, in its own memory."""
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, _KINDS[dtype]).astype(np.float64 if dtype == "F64" else np.float32)


def rounded(values: Values, dtype: str) -> bytes:
    """Values in the bytes of `dtype`, rounded to nearest, ties to even, as torch rounds them."""
    if dtype != "BF16":
        with np.errstate(over="ignore"):
            return values.astype(_KINDS[dtype]).tobytes()
    single = values.astype(np.float32)
    bits = single.view(np.uint32)
    # Half of the last kept place, less one where that place is even; a NaN must not be carried to infinity.
    raised = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(single), 0x7FC0, raised).astype("<u2").tobytes()
