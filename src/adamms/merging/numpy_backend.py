"""As `backends`, in numpy.

numpy has no bfloat16, but its bits are the upper half of a float32's, so widening is a shift and rounding to
the nearest, ties to even, is integer arithmetic.
"""

from typing import Any

import numpy as np

from adamms.merging import cpu_kernel
from adamms.merging.dtypes import RawTensor


class NumpyBackend(cpu_kernel.CpuKernel):
    """As `Backend` says."""

    def __init__(self) -> None:
        self._rounding = np.empty(0, np.uint32)

    def widened(self, raw: np.ndarray, dtype: str, into: np.ndarray, *, double: bool) -> np.ndarray:
        """As `Backend` says."""
        exact: Any = np.float64 if double else np.float32
        library = cpu_kernel.library()
        if library and dtype in ("BF16", "F16"):
            exactly = into[: 2 * len(raw)].view(np.float32)
            cpu_kernel.widen(library, RawTensor(raw, dtype), exactly)
            return exactly.astype(exact, copy=False)
        if dtype == "BF16":
            wide = into[: 2 * len(raw)].view(np.uint32)
            np.copyto(wide, raw.view(np.uint16))
            np.left_shift(wide, 16, out=wide)
            return wide.view(np.float32).astype(exact, copy=False)
        return raw.view(f"f{dtype[1:]}".replace("64", "8").replace("32", "4").replace("16", "2")).astype(
            exact, copy=False
        )

    def fits(self, values: np.ndarray, largest: float) -> bool:
        """As `Backend` says."""
        # Written so that NaN, which compares false with everything, is caught as well.
        return bool(values.min() >= -largest and values.max() <= largest)

    def store(self, values: np.ndarray, out: np.ndarray, dtype: str) -> None:
        """As `Backend` says."""
        if dtype != "BF16":
            stored = out.view({"F16": np.float16, "F32": np.float32, "F64": np.float64}[dtype])
            np.copyto(stored, values, casting="same_kind")
            return
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        if len(self._rounding) < len(bits):
            self._rounding = np.empty(len(bits), np.uint32)
        rounded = self._rounding[: len(bits)]
        # Half of the last place that stays, less one where that place is even: what ties to even adds.
        np.right_shift(bits, 16, out=rounded)
        np.bitwise_and(rounded, 1, out=rounded)
        np.add(rounded, 0x7FFF, out=rounded)
        np.add(rounded, bits, out=rounded)
        np.right_shift(rounded, 16, out=rounded)
        np.copyto(out.view(np.uint16), rounded, casting="unsafe")

    def numbers(self, drawn: Any) -> np.ndarray:
        """As `Backend` says."""
        return np.asarray(drawn)
