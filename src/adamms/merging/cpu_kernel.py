"""The compiled arithmetic of `kernels.c`, where installing found a C compiler; nothing needs it.

Without it numpy and torch compute the same bits, several times slower. The calls release Python's global
lock. A library that was built from another source than the one beside it (an editable install that moved on)
is not used. Knows no methods, names or files.
"""

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.merging.arrays import Array, as_numpy, in_numpy
from adamms.merging.draws import threshold_of
from adamms.merging.dtypes import ITEMSIZES, LARGEST, RawTaskVector, RawTensor
from adamms.merging.kernel_params import KernelParams

if TYPE_CHECKING:
    import numpy as np

SOURCE = Path(__file__).with_name("kernels.c")
LIBRARY = Path(__file__).with_name("kernels.so")
# As kernels.c numbers them.
KINDS = {"BF16": 0, "F16": 1, "F32": 2}
ELECT = {None: 0, "mean": 1, "sum": 2}
MODELS = 16


class _Model(ctypes.Structure):
    """`struct model` of kernels.c."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("draws", ctypes.c_void_p),
        ("kind", ctypes.c_int32),
        ("cut", ctypes.c_int32),
        ("least", ctypes.c_float),
        ("most", ctypes.c_float),
        ("factor", ctypes.c_float),
        ("weight", ctypes.c_float),
    )


class _Merge(ctypes.Structure):
    """`struct merge` of kernels.c."""

    _fields_ = (
        ("models", ctypes.POINTER(_Model)),
        ("origin", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("count", ctypes.c_int32),
        ("origin_kind", ctypes.c_int32),
        ("out_kind", ctypes.c_int32),
        ("elect", ctypes.c_int32),
        ("alike", ctypes.c_int32),
        ("divisor", ctypes.c_float),
        ("lambda_", ctypes.c_float),
        ("largest", ctypes.c_float),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled functions, or None where they were not built for this machine and this source."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        built_from = ctypes.c_char_p.in_dll(found, "adamms_source").value
        source = SOURCE.read_bytes()
    except (OSError, ValueError):
        return None
    if built_from != sha256(source).hexdigest().encode():
        return None
    pointer, count, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
    found.adamms_merge.argtypes = [ctypes.POINTER(_Merge), count]
    vector: list[Any] = [ctypes.POINTER(_Model), pointer, ctypes.c_int32, count]
    found.adamms_widen.argtypes = [pointer, pointer, ctypes.c_int32, count]
    found.adamms_count.argtypes = [*vector, number, number, pointer]
    found.adamms_count_upper.argtypes = [*vector, pointer]
    found.adamms_widen.restype = found.adamms_count.restype = found.adamms_count_upper.restype = None
    return found


def takes(stored: RawTensor | None) -> bool:
    """Whether the compiled functions can read these values, if there are any."""
    return stored is None or (stored.dtype in KINDS and in_numpy(stored.raw))


def merge(
    found: ctypes.CDLL,
    params: KernelParams,
    *,
    models: Mapping[int, RawTensor],
    origin: RawTensor | None,
    draws: Sequence[Array],
    out: RawTensor,
) -> bool | None:
    """Merge stored values into stored values.

    Args:
        found: the library.
        params: what is done.
        models: the values of those that are used (`KernelParams.used`), by number.
        origin: the ancestor's, where it is read.
        draws: random int16 numbers, one array a model, where entries are dropped at random.
        out: where the result goes, and its dtype.

    Returns:
        Whether every result is finite and fits the output's dtype. None, and nothing is written, where the
        dtypes are others than `KINDS` or there are more than `MODELS` models.
    """
    import numpy as np

    if len(models) > MODELS or not all(map(takes, (*models.values(), origin, out))):
        return None
    kept = params.kept
    numbers = [np.ascontiguousarray(as_numpy(each), np.int16) for each in draws] if kept else []
    rows = (_Model * len(models))(
        *(
            _Model(
                _address(stored.raw),
                _address(numbers[at]) if kept else None,
                KINDS[stored.dtype],
                threshold_of(kept[at]) if kept else 0,
                params.least[at] if params.least else 0.0,
                params.most[at] if params.most else -1.0,
                params.factors[at] if params.factors else 1.0,
                params.weights[at],
            )
            for at, stored in models.items()
        )
    )
    whole = _Merge(
        rows,
        _address(origin.raw) if origin else None,
        _address(out.raw),
        len(models),
        KINDS[origin.dtype] if origin else 0,
        KINDS[out.dtype],
        ELECT[params.elect],
        len(set(params.weights)) == 1,
        params.divisor,
        params.lambda_,
        LARGEST[out.dtype],
    )
    return bool(found.adamms_merge(ctypes.byref(whole), _count(out)))


class CpuKernel:
    """The way through compiled code, which all libraries on a CPU have where it was built."""

    @property
    def one_pass(self) -> bool:
        """As `Backend` says."""
        return library() is not None

    def merge_stored(
        self,
        params: KernelParams,
        *,
        models: Mapping[int, RawTensor],
        origin: RawTensor | None,
        draws: Sequence[Array],
        out: RawTensor,
    ) -> Any:
        """As `Backend` says."""
        found = library()
        if found is None:
            return None
        return merge(found, params, models=models, origin=origin, draws=draws, out=out)


def widen(found: ctypes.CDLL, stored: RawTensor, into: "np.ndarray") -> None:
    """Stored values as float32, in the array `into`."""
    found.adamms_widen(_address(into), _address(stored.raw), KINDS[stored.dtype], len(into))


def count_between(
    found: ctypes.CDLL, vector: RawTaskVector, counts: "np.ndarray", *, least: float, beyond: float
) -> None:
    """Add up a vector's magnitudes.

    Args:
        found: the library.
        vector: whose.
        counts: int64; gets those not less than `beyond`, those that are not zero, and how often each of the
            values that a float32 can have from `least` on and below `beyond` occurs.
        least: the first value with a count of its own.
        beyond: the first without one again.
    """
    found.adamms_count(*_vector(vector), least, beyond, _address(counts))


def count_upper(found: ctypes.CDLL, vector: RawTaskVector, counts: "np.ndarray") -> None:
    """Add to `counts` (int64) how often each value of the upper 15 bits of a vector's magnitudes occurs."""
    found.adamms_count_upper(*_vector(vector), _address(counts))


def _vector(vector: RawTaskVector) -> tuple[Any, ...]:
    """The arguments that say which vector."""
    model, origin = vector
    one = _Model(_address(model.raw), None, KINDS[model.dtype], 0, 0.0, -1.0, 1.0, 1.0)
    place = (_address(origin.raw), KINDS[origin.dtype]) if origin else (None, 0)
    return ctypes.byref(one), *place, _count(model)


def _count(stored: RawTensor) -> int:
    return len(stored.raw) // ITEMSIZES[stored.dtype]


def _address(array: "np.ndarray") -> int:
    assert array.flags.c_contiguous
    address: int = array.__array_interface__["data"][0]
    return address
