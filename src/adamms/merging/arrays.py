"""What merge rules need beside + - * /, for torch tensors and for numpy arrays, with the same bits.

A rule written with the operators and with these works on both, so it runs without torch where that is enough.
In numpy each of them is what costs least there: choosing by a mask (`where`) is twenty times dearer than
multiplying by it, and a scalar operand may cost more than an array of them.
"""

from collections.abc import Sequence

from adamms.merging.method import Array


def in_numpy(values: Array) -> bool:
    """Whether this is a numpy array."""
    return type(values).__module__ == "numpy"


def ones_where(mask: Array, like: Array) -> Array:
    """1 where a mask (bool) holds, and 0 elsewhere, in the dtype of `like`."""
    return mask.astype(like.dtype) if in_numpy(mask) else mask.to(like.dtype)


def count_where(masks: Sequence[Array], like: Array) -> Array:
    """In how many of the masks (bool) each entry holds, 1 where in none, in the dtype of `like`."""
    if not in_numpy(masks[0]):
        import torch

        return torch.stack(tuple(masks)).sum(0, dtype=like.dtype).clamp_(min=1)
    import numpy as np

    # Bytes are added many times faster than they are widened.
    total = masks[0].view(np.uint8).copy()
    for mask in masks[1:]:
        total += mask.view(np.uint8)
    return np.maximum(total, np.ones_like(total), out=total).astype(like.dtype)


def signs(values: Array) -> Array:
    """1 or -1 by the sign bit; -0 counts as negative."""
    if not in_numpy(values):
        import torch

        return torch.copysign(torch.ones((), dtype=values.dtype, device=values.device), values)
    import numpy as np

    if values.dtype != np.float32:
        return np.copysign(values.dtype.type(1), values)
    bits = values.view(np.uint32) & np.uint32(0x8000_0000)
    np.bitwise_or(bits, np.uint32(0x3F80_0000), out=bits)
    return bits.view(np.float32)


def divide(values: Array, number: float) -> Array:
    """The values divided by a number, in their own memory.

    On a GPU torch multiplies by the reciprocal of a plain number, which rounds twice.
    """
    if in_numpy(values):
        values /= number
        return values
    import torch

    return values.div_(torch.full((), number, dtype=values.dtype, device=values.device))


def not_negative(series: Sequence[Array]) -> list[Array]:
    """Arrays of one shape, zero where they are negative, in their own memory; NaN stays NaN."""
    if not in_numpy(series[0]):
        return [values.clamp_(min=0) for values in series]
    import numpy as np

    zeros = np.zeros_like(series[0])
    return [np.maximum(values, zeros, out=values) for values in series]


def at_least(values: Array, threshold: float) -> Array:
    """The values whose magnitude, in float32, reaches the threshold, zero elsewhere; NaN stays NaN."""
    import numpy as np

    if threshold <= 0:
        return values
    if in_numpy(values):
        # NaN times 0 is NaN.
        kept = ones_where(np.abs(values).astype(np.float32, copy=False) >= threshold, values)
        return np.multiply(values, kept, out=kept)
    import torch

    if values.dtype == torch.float64:
        return values * (values.abs().float() >= threshold)
    # hardshrink keeps what is strictly larger, many times cheaper than a mask, but drops the sign of zero.
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    return torch.nn.functional.hardshrink(values, below).copysign_(values)


def at_most(values: Array, limit: float) -> Array:
    """The smaller of every value and the limit; the limit where a value is NaN."""
    if in_numpy(values):
        import numpy as np

        return np.fmin(values, values.dtype.type(limit))
    import torch

    return torch.fmin(values, torch.full((), limit, dtype=values.dtype, device=values.device))


def quotient(number: float, values: Array) -> Array:
    """The number times the values' reciprocals; by 0 infinity, and NaN where the number is 0 as well."""
    if in_numpy(values):
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return 1 / values * number
    return 1 / values * number
