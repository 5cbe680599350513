"""What computes a block: the one way through it, from and to values as they are stored.

    CpuKernel             the fused kernel of `kernels.c`, where it was compiled and the method has its form
      falls back to
    NumpyBackend          widen to float32, call the method's function on numpy arrays, round once
    TorchDeviceBackend    the same on a live model's device (`tensors.py`), for methods of single
    elements

All give the same bits, so which one serves is a matter of speed; no one who merges asks which it is. numpy
has no bfloat16, but its bits are the upper half of a float32's: widening is a shift, and rounding to the
nearest, ties to even, is integer arithmetic.
"""

from typing import Any, Protocol

import numpy as np

from adamms.merging.blocks import RawBlock
from adamms.merging.dtypes import ITEMSIZES, LARGEST, RawTaskVector, RawTensor
from adamms.merging.method import BoundMethod, Reduction, call

_FLOATS = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


class Backend(Protocol):
    """Merges blocks, for one thread, as it keeps buffers."""

    def merge(self, block: RawBlock, method: BoundMethod, out: RawTensor) -> Any:
        """Merge a block's values and round them once, into the memory of `out`.

        Args:
            block: the values, wherever this backend computes.
            method: what is done with them.
            out: as many elements, and their dtype.

        Returns:
            Whether every result is finite and in the range of `out`'s dtype: a bool, or on a device a tensor
            of one truth value, as asking for it waits for all that is computed there.
        """
        ...

    def convert(self, values: RawTensor, out: RawTensor, *, double: bool) -> Any:
        """Round values that stay as they are to another dtype, into the memory of `out`.

        Args:
            values: as they are stored.
            out: as many elements, and their dtype.
            double: whether they are float64's.

        Returns:
            As `merge`, but that an infinity stays one: it may be meant, as in a stored mask.
        """
        ...


class NumpyBackend:
    """Merges in numpy, and reduces: sums come out in another order on a GPU."""

    def __init__(self) -> None:
        # Memory is kept: fresh megabytes for every block would cost more than the arithmetic.
        self._wide: list[np.ndarray] = []
        self._rounding = np.empty(0, np.uint32)

    def merge(self, block: RawBlock, method: BoundMethod, out: RawTensor) -> bool:
        """Widen, call the method's function on numpy arrays, round once."""
        merged = method(**self._arrays(block))
        in_range = bool(_in_range(merged, LARGEST[out.dtype]))
        self._store(merged, out)
        return in_range

    def convert(self, values: RawTensor, out: RawTensor, *, double: bool) -> bool:
        """Widen and round; infinities stay."""
        wide = self._widened(values, 0, double=double)
        largest = LARGEST[out.dtype]
        in_range = bool(_in_range(wide, largest))
        if not in_range:
            # Written so that NaN, which compares false with everything, is caught as well.
            in_range = bool(((np.abs(wide) <= largest) | np.isinf(wide)).all())
        self._store(wide, out)
        return in_range

    def reduce(
        self, block: RawBlock, method: BoundMethod, reduction: Reduction, accumulated: np.ndarray | None
    ) -> np.ndarray:
        """One block's part of a reduction's sum, or (`accumulator`) the sum `accumulated` with it added."""
        return self._map(self._arrays(block), method, reduction, accumulated)

    def _map(
        self,
        values: dict[str, Any],
        method: BoundMethod,
        reduction: Reduction,
        accumulated: np.ndarray | None,
    ) -> np.ndarray:
        return np.asarray(call(reduction.map, {**method.arguments, **values, "accumulated": accumulated}))

    def _arrays(self, block: RawBlock) -> dict[str, Any]:
        """A block as methods take it: flat arrays of float32, or float64."""
        models = [self._widened(raw, at, double=block.double) for at, raw in enumerate(block.models)]
        pretrained = block.pretrained and self._widened(block.pretrained, len(models), double=block.double)
        return {"models": models, "pretrained": pretrained, "draws": block.draws, "width": block.width}

    def _widened(self, values: RawTensor, slot: int, *, double: bool) -> np.ndarray:
        """Stored values as float32 (float64 where `double`): the same memory, or that of a slot."""
        if values.dtype == ("F64" if double else "F32"):
            return values.raw.view(_FLOATS[values.dtype])
        wide = self._slot(slot, values, np.float64 if double else np.float32)
        if values.dtype != "BF16":
            np.copyto(wide, values.raw.view(_FLOATS[values.dtype]), casting="same_kind")
            return wide
        if double:
            shifted = values.raw.view(np.uint16).astype(np.uint32)
            shifted <<= 16
            np.copyto(wide, shifted.view(np.float32))
            return wide
        bits = wide.view(np.uint32)
        np.copyto(bits, values.raw.view(np.uint16))
        np.left_shift(bits, 16, out=bits)
        return wide

    def _slot(self, slot: int, values: RawTensor, dtype: Any) -> np.ndarray:
        count = len(values.raw) // ITEMSIZES[values.dtype]
        nbytes = count * np.dtype(dtype).itemsize
        while len(self._wide) <= slot:
            self._wide.append(np.empty(0, np.uint8))
        if len(self._wide[slot]) < nbytes:
            self._wide[slot] = np.empty(nbytes, np.uint8)
        return self._wide[slot][:nbytes].view(dtype)

    def _store(self, values: np.ndarray, out: RawTensor) -> None:
        """Round values to a dtype, to the nearest and ties to even, into the memory of `out`."""
        if out.dtype != "BF16":
            # What exceeds the dtype becomes infinite; it was told as not in range.
            with np.errstate(over="ignore", invalid="ignore"):
                np.copyto(out.raw.view(_FLOATS[out.dtype]), values, casting="same_kind")
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
        np.copyto(out.raw.view(np.uint16), rounded, casting="unsafe")


def _in_range(values: np.ndarray, largest: float) -> Any:
    """Whether no magnitude exceeds `largest` and none is NaN, which compares false with everything."""
    return values.min() >= -largest and values.max() <= largest


def task_vectors_of(block: RawBlock) -> list[RawTaskVector]:
    """The task vectors of a block, not computed yet."""
    return [RawTaskVector(model, block.pretrained) for model in block.models]
