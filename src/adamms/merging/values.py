"""Stored values made wide for arithmetic and rounded once afterwards, in numpy.

numpy has no bfloat16, but its bits are the upper half of a float32's, so widening is a shift and rounding to
the nearest, ties to even, is integer arithmetic. Importing torch costs more than merging half a billion
parameters this way; `torch_values` is the same for methods that are written in torch, and for float16, which
numpy converts slowly, where there is no compiled code for it.
"""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adamms.merging import compiled
from adamms.merging.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adamms.merging.arithmetic import Arithmetic
    from adamms.merging.arrays import Array
    from adamms.merging.method import Method
    from adamms.merging.parents import Parents


class Values(Protocol):
    """A library that a method computes in; one thread's, as it keeps buffers."""

    @property
    def one_pass(self) -> bool:
        """Whether it has a `merge_stored`."""
        ...

    def merge_stored(
        self,
        arithmetic: "Arithmetic",
        *,
        models: "Mapping[int, Stored]",
        origin: "Stored | None",
        draws: "Sequence[Array]",
        out: "Stored",
    ) -> Any:
        """Merge in one pass, with the bits of the method's function and `store`; see `compiled.merge`.

        Returns:
            As `fits`; None where it is not able to, and has written nothing.
        """
        ...

    def widened(self, raw: np.ndarray, dtype: str, into: np.ndarray, *, double: bool) -> Any:
        """Stored values as float32 (or float64 where `double`), in place of `raw` or in the memory `into`.

        Args:
            raw: the bytes, uint8.
            dtype: what they are.
            into: bytes enough for the result.
            double: whether the base is stored as float64.
        """
        ...

    def fits(self, values: Any, largest: float) -> Any:
        """Whether no magnitude exceeds `largest` and none is NaN.

        On a device a tensor of one truth value: asking for it waits for all that is computed there.
        """
        ...

    def store(self, values: Any, out: np.ndarray, dtype: str) -> None:
        """Round values to a dtype, to the nearest and ties to even, and lay them as bytes into `out`."""
        ...

    def numbers(self, drawn: Any) -> Any:
        """Random numbers in this library's arrays."""
        ...


def values_for(parents: "Parents", method: "Method") -> Values:
    """The library that a merge computes in: numpy where the method and the stored dtypes allow it."""
    models = (parents.base, *(view.checkpoint for view in parents.views_for(method)))
    halves = any(info.dtype == "F16" for model in models for info in model.tensors.values())
    if method.rule.arrays == "any" and (not halves or compiled.library()):
        return NumpyValues()
    from adamms.merging.torch_values import TorchValues

    return TorchValues()


class CompiledValues:
    """The way through compiled code, which all libraries on a CPU have where it was built."""

    @property
    def one_pass(self) -> bool:
        """As `Values` says."""
        return compiled.library() is not None

    def merge_stored(
        self,
        arithmetic: "Arithmetic",
        *,
        models: "Mapping[int, Stored]",
        origin: "Stored | None",
        draws: "Sequence[Array]",
        out: Stored,
    ) -> Any:
        """As `Values` says."""
        library = compiled.library()
        if library is None:
            return None
        return compiled.merge(library, arithmetic, models=models, origin=origin, draws=draws, out=out)


class NumpyValues(CompiledValues):
    """As `Values` says."""

    def __init__(self) -> None:
        self._rounding = np.empty(0, np.uint32)

    def widened(self, raw: np.ndarray, dtype: str, into: np.ndarray, *, double: bool) -> np.ndarray:
        """As `Values` says."""
        exact: Any = np.float64 if double else np.float32
        library = compiled.library()
        if library and dtype in ("BF16", "F16"):
            exactly = into[: 2 * len(raw)].view(np.float32)
            compiled.widen(library, Stored(raw, dtype), exactly)
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
        """As `Values` says."""
        # Written so that NaN, which compares false with everything, is caught as well.
        return bool(values.min() >= -largest and values.max() <= largest)

    def store(self, values: np.ndarray, out: np.ndarray, dtype: str) -> None:
        """As `Values` says."""
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
        """As `Values` says."""
        return np.asarray(drawn)
