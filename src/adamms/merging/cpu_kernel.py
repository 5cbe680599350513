"""The fused kernel, `kernels.c`, where installing found a C compiler; nothing needs it.

It merges a block in one pass, from and to values as they are stored, and counts magnitudes. Without it numpy
computes the same bits, several times slower. The calls release Python's global lock. A library that was built
from another source than the one beside it (an editable install that moved on) is not used.
"""

import ctypes
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from adamms.merging.backends import NumpyBackend, task_vectors_of
from adamms.merging.blocks import RawBlock
from adamms.merging.dtypes import ITEMSIZES, LARGEST, RawTaskVector, RawTensor
from adamms.merging.method import BoundMethod, KernelParams, Reduction

SOURCE = Path(__file__).with_name("kernels.c")
LIBRARY = Path(__file__).with_name("kernels.so")
# As kernels.c numbers them.
DTYPES = {"BF16": 0, "F16": 1, "F32": 2}
SIGN_CONSENSUS = {None: 0, "mean": 1, "sum": 2}
MODELS = 16


class _Model(ctypes.Structure):
    """`struct model` of kernels.c."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("draws", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("draw_below", ctypes.c_int32),
        ("min_magnitude", ctypes.c_float),
        ("max_magnitude", ctypes.c_float),
        ("rescale", ctypes.c_float),
        ("weight", ctypes.c_float),
    )


class _Merge(ctypes.Structure):
    """`struct merge` of kernels.c."""

    _fields_ = (
        ("models", ctypes.POINTER(_Model)),
        ("pretrained", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("count", ctypes.c_int32),
        ("pretrained_dtype", ctypes.c_int32),
        ("out_dtype", ctypes.c_int32),
        ("sign_consensus", ctypes.c_int32),
        ("equal_weights", ctypes.c_int32),
        ("divisor", ctypes.c_float),
        ("lambda_", ctypes.c_float),
        ("largest", ctypes.c_float),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled functions, or None where they were not built for this machine and this source."""
    try:
        kernel = ctypes.CDLL(str(LIBRARY))
        built_from = ctypes.c_char_p.in_dll(kernel, "adamms_source").value
        source = SOURCE.read_bytes()
    except (OSError, ValueError):
        return None
    if built_from != sha256(source).hexdigest().encode():
        return None
    pointer, count, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
    kernel.adamms_merge.argtypes = [ctypes.POINTER(_Merge), count]
    vector: list[Any] = [ctypes.POINTER(_Model), pointer, ctypes.c_int32, count]
    kernel.adamms_widen.argtypes = [pointer, pointer, ctypes.c_int32, count]
    kernel.adamms_count.argtypes = [*vector, number, number, pointer]
    kernel.adamms_count_upper.argtypes = [*vector, pointer]
    kernel.adamms_widen.restype = kernel.adamms_count.restype = kernel.adamms_count_upper.restype = None
    return kernel


class CpuKernel(NumpyBackend):
    """Merges and counts in the fused kernel, for methods of its form and dtypes that it reads.

    Everything else is numpy's; only widening is the kernel's there, too.
    """

    def __init__(self, kernel: ctypes.CDLL) -> None:
        super().__init__()
        self._kernel = kernel

    def merge(self, block: RawBlock, method: BoundMethod, out: RawTensor) -> bool:
        """One pass over the stored values where the kernel can; otherwise numpy's way."""
        if method.params is not None and out.dtype in DTYPES and _reads(block):
            return fused_merge(self._kernel, method.params, block, out)
        return super().merge(block, method, out)

    def reduce(
        self, block: RawBlock, method: BoundMethod, reduction: Reduction, accumulated: np.ndarray | None
    ) -> np.ndarray:
        """From task vectors that need not be computed first where the kernel can; otherwise numpy's way."""
        if reduction.raw and _reads(block):
            return self._map({"raw": task_vectors_of(block)}, method, reduction, accumulated)
        return super().reduce(block, method, reduction, accumulated)

    def _widened(self, values: RawTensor, slot: int, *, double: bool) -> np.ndarray:
        if double or values.dtype not in ("BF16", "F16"):
            return super()._widened(values, slot, double=double)
        wide = self._slot(slot, values, np.float32)
        widen(self._kernel, values, wide)
        return wide


def cpu_backend() -> NumpyBackend:
    """What computes on this machine's processor."""
    kernel = library()
    return NumpyBackend() if kernel is None else CpuKernel(kernel)


def _reads(block: RawBlock) -> bool:
    """Whether the kernel can read these values."""
    raws = (*block.models, block.pretrained)
    return len(block.models) <= MODELS and all(raw is None or raw.dtype in DTYPES for raw in raws)


def fused_merge(kernel: ctypes.CDLL, params: KernelParams, block: RawBlock, out: RawTensor) -> bool:
    """Merge stored values into stored values in one pass.

    Args:
        kernel: the library.
        params: what is done.
        block: `MODELS` models at most, of the dtypes in `DTYPES`.
        out: where the result goes, and its dtype.

    Returns:
        Whether every result is finite and in the range of the output's dtype.
    """
    # Without an ancestor a model of weight 0 is not looked at, and need not be finite.
    used = [at for at, weight in enumerate(params.weights) if weight or block.pretrained] or [0]
    rows = (_Model * len(used))(*(_model(params, block, at) for at in used))
    pretrained = block.pretrained
    merge = _Merge(
        rows,
        _address(pretrained.raw) if pretrained else None,
        _address(out.raw),
        len(used),
        DTYPES[pretrained.dtype] if pretrained else 0,
        DTYPES[out.dtype],
        SIGN_CONSENSUS[params.sign_consensus],
        len(set(params.weights)) == 1,
        params.divisor,
        params.lambda_,
        LARGEST[out.dtype],
    )
    return bool(kernel.adamms_merge(ctypes.byref(merge), _count(out)))


def _model(params: KernelParams, block: RawBlock, at: int) -> _Model:
    """One model's row of the kernel's arguments."""
    raw, draws, draw_below = block.models[at], None, 0
    if params.keep_prob:
        from adamms.merging.draws import threshold_of

        draws, draw_below = _address(block.draws[at]), threshold_of(params.keep_prob[at])
    return _Model(
        _address(raw.raw),
        draws,
        DTYPES[raw.dtype],
        draw_below,
        params.min_magnitude[at] if params.min_magnitude else 0.0,
        params.max_magnitude[at] if params.max_magnitude else -1.0,
        params.rescale[at] if params.rescale else 1.0,
        params.weights[at],
    )


def widen(kernel: ctypes.CDLL, values: RawTensor, into: np.ndarray) -> None:
    """Stored values as float32, in the array `into`."""
    kernel.adamms_widen(_address(into), _address(values.raw), DTYPES[values.dtype], len(into))


def count_between(
    kernel: ctypes.CDLL, vector: RawTaskVector, counts: np.ndarray, *, least: float, beyond: float
) -> None:
    """Add up a vector's magnitudes.

    Args:
        kernel: the library.
        vector: whose.
        counts: int64; gets those not less than `beyond`, those that are not zero, and how often each of the
            values that a float32 can have from `least` on and below `beyond` occurs.
        least: the first value with a count of its own.
        beyond: the first without one again.
    """
    kernel.adamms_count(*_vector(vector), least, beyond, _address(counts))


def count_upper(kernel: ctypes.CDLL, vector: RawTaskVector, counts: np.ndarray) -> None:
    """Add to `counts` (int64) how often each value of the upper 15 bits of a vector's magnitudes occurs."""
    kernel.adamms_count_upper(*_vector(vector), _address(counts))


def _vector(vector: RawTaskVector) -> tuple[Any, ...]:
    """The arguments that say which vector."""
    model, pretrained = vector
    row = _Model(_address(model.raw), None, DTYPES[model.dtype], 0, 0.0, -1.0, 1.0, 1.0)
    origin = (_address(pretrained.raw), DTYPES[pretrained.dtype]) if pretrained else (None, 0)
    return ctypes.byref(row), *origin, _count(model)


def _count(values: RawTensor) -> int:
    return len(values.raw) // ITEMSIZES[values.dtype]


def _address(array: np.ndarray) -> int:
    assert array.flags.c_contiguous
    address: int = array.__array_interface__["data"][0]
    return address
