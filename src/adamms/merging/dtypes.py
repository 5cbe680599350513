"""Floating-point tensors as they lie in files: which dtypes can be merged, and which bits are no number.

Counting is done on the integers that the bits are, which is cheaper than widening and needs no torch.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from adamms.errors import MergeError

if TYPE_CHECKING:
    import numpy as np

    from adamms.checkpoints import TensorInfo

# Bytes an element, and the bits of infinity.
ITEMSIZES = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8}
INFINITIES = {"BF16": 0x7F80, "F16": 0x7C00, "F32": 0x7F80_0000, "F64": 0x7FF0_0000_0000_0000}
LARGEST = {
    "BF16": float.fromhex("0x1.fep127"),
    "F16": 65504.0,
    "F32": float.fromhex("0x1.fffffep127"),
    "F64": float.fromhex("0x1.fffffffffffffp1023"),
}
NAMES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}


class RawTensor(NamedTuple):
    """Values as they lie in a file: bytes (uint8, an array or a tensor on a device), and their dtype."""

    raw: Any
    dtype: str


class RawTaskVector(NamedTuple):
    """A task vector that is not computed yet: a model's values and the ancestor's; or values alone."""

    model: RawTensor
    pretrained: RawTensor | None = None


def floating_dtype(info: "TensorInfo", source: str) -> str:
    """The dtype of a tensor that takes part in arithmetic.

    Raises:
        MergeError: the tensor is stored as integers or float8, which cannot be interpolated.
    """
    if info.dtype not in ITEMSIZES:
        raise MergeError(
            f"{info.name} in {source} is stored as {info.dtype}, which cannot be interpolated; "
            "merge an unquantised copy of the model (bfloat16, float16 or float32)."
        )
    return info.dtype


def count_nan(raw: "np.ndarray", dtype: str) -> int:
    """How many of the stored values (bytes, uint8) are NaN."""
    magnitudes = _magnitudes(raw, dtype)
    # The largest alone is found many times faster than how many are too large.
    return int((magnitudes > INFINITIES[dtype]).sum()) if magnitudes.max() > INFINITIES[dtype] else 0


def count_not_finite(raw: "np.ndarray", dtype: str) -> int:
    """How many of the stored values (bytes, uint8) are NaN or infinite."""
    return int((_magnitudes(raw, dtype) >= INFINITIES[dtype]).sum())


def _magnitudes(raw: "np.ndarray", dtype: str) -> "np.ndarray":
    bits = raw.view(f"u{ITEMSIZES[dtype]}")
    return bits & bits.dtype.type((1 << 8 * ITEMSIZES[dtype] - 1) - 1)
