"""Floats of eight and four bits as float32, by tables of all their values.

E4M3FN and E5M2 are the float8 of weights, E8M0 the powers of two of scales, E2M1 the float4 of MXFP4 (OCP
Microscaling Formats 1.0).
"""

import numpy as np

from adamms.checkpoints.floats import FLOATS, Values, widened
from adamms.checkpoints.tensor_source import TensorSource


def _e4m3fn() -> Values:
    codes = np.arange(256)
    sign = np.where(codes & 0x80, -1.0, 1.0)
    exponent, mantissa = (codes >> 3) & 0xF, codes & 7
    normal = np.ldexp(1 + mantissa / 8, exponent - 7)
    values = sign * np.where(exponent == 0, np.ldexp(mantissa / 8, -6), normal)
    return np.where(codes & 0x7F == 0x7F, np.nan, values).astype(np.float32)


def _e5m2() -> Values:
    # The upper half of a float16.
    return (np.arange(256, dtype=np.uint16) << 8).view(np.float16).astype(np.float32)


def _e8m0() -> Values:
    powers = np.ldexp(1.0, np.arange(255) - 127)
    return np.append(powers, np.nan).astype(np.float32)


TABLES = {"F8_E4M3": _e4m3fn(), "F8_E5M2": _e5m2(), "F8_E8M0": _e8m0()}
E2M1 = np.array([0.0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def read_floats(source: TensorSource, name: str, start: int, count: int) -> Values:
    """Elements of a stored tensor of float8 or wider floats, as float32."""
    dtype = source.tensors[name].dtype
    if dtype in FLOATS:
        size = {"F64": 8, "F32": 4}.get(dtype, 2)
        return widened(source.read_bytes(name, start * size, count * size), dtype).astype(
            np.float32, copy=False
        )
    # Bytes without a dtype of their own are exponents.
    table = TABLES["F8_E8M0" if dtype == "U8" else dtype]
    return table[np.frombuffer(source.read_bytes(name, start, count), np.uint8)]
