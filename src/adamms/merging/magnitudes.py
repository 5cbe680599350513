"""The exact k-th largest magnitude of any number of values, from counts: nothing is sorted or held.

A float32 magnitude is 31 bits whose order as integers is its order as numbers. A first pass counts the upper
15 bits (bfloat16's magnitude), a second the lower 16 bits of the one value of the upper bits that the k-th
largest has. The threshold is exact; values that tie with it are all on its side, because nothing but their
place in a file could tell them apart.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.merging.method import Pass, Scope, call

if TYPE_CHECKING:
    from torch import Tensor

UPPER = 1 << 15
LOWER = 1 << 16
# The upper bits of infinity: nothing finite reaches them.
INFINITE = 0x7F80


def magnitude_passes(
    values: "Callable[..., Sequence[Tensor]]",
    ranks: Callable[..., tuple[int, ...]],
    *,
    scope: Scope,
) -> tuple[Pass, Pass]:
    """The two passes that find magnitudes by rank, as the fact `magnitudes`: one tuple a series.

    Args:
        values: the series of values to rank, such as one task vector a model; asks for what it needs as a
            method does.
        ranks: the ranks wanted, 1 for the largest; asks for the settings and `count`, the number of values,
            `nonzero`, how many of them are not zero, and `series`, which one it is. A rank of 0 gives
            infinity, one beyond `count` zero.
        scope: what is ranked together.
    """

    def measure_upper(everything: Mapping[str, Any]) -> "Tensor":
        import torch

        return torch.stack([upper_counts(each) for each in call(values, everything)])

    def conclude_upper(total: "Tensor", everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for series, counts in enumerate(total):
            count = int(counts.sum())
            own = {"series": series, "count": count, "nonzero": count - int(counts[0])}
            wanted = call(ranks, {**everything, **own})
            found.append(tuple(_find(counts, rank) for rank in wanted))
        return {"uppers": tuple(found)}

    def measure_lower(everything: Mapping[str, Any]) -> "Tensor":
        import torch

        series = zip(call(values, everything), everything["uppers"], strict=True)
        return torch.stack(
            [torch.stack([lower_counts(each, upper) for upper, _ in found]) for each, found in series]
        )

    def conclude_lower(total: "Tensor", everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for counts, uppers in zip(total, everything["uppers"], strict=True):
            found.append(
                tuple(
                    _magnitude(upper, _find(lower, left)[0] if 0 <= upper < UPPER else 0)
                    for lower, (upper, left) in zip(counts, uppers, strict=True)
                )
            )
        return {"magnitudes": tuple(found)}

    return Pass(measure_upper, conclude_upper, scope), Pass(measure_lower, conclude_lower, scope)


def upper_counts(values: "Tensor") -> "Tensor":
    """How often each value of a magnitude's upper 15 bits occurs."""
    import torch

    # The upper half of every little-endian float32 whose sign is gone.
    halves = values.float().abs().view(torch.int16)[1::2]
    return torch.bincount(halves, minlength=UPPER)


def lower_counts(values: "Tensor", upper: int) -> "Tensor":
    """How often each value of the lower 16 bits occurs among the magnitudes with these upper bits."""
    import numpy as np
    import torch

    if not 0 <= upper < UPPER:
        return torch.zeros(LOWER, dtype=torch.int64)
    # Two comparisons of floats and a sparse choice, in numpy, are several times cheaper than shifting bits.
    magnitudes = values.float().abs().numpy()
    low, high = (np.array(bits << 16, np.uint32).view(np.float32) for bits in (upper, upper + 1))
    inside = magnitudes >= low
    if upper < INFINITE:
        inside &= magnitudes < high
    found = magnitudes[inside].view(np.uint32) & (LOWER - 1)
    return torch.from_numpy(np.bincount(found, minlength=LOWER))


def _find(counts: "Tensor", rank: int) -> tuple[int, int]:
    """The bin of the `rank`-th largest, and its rank among those of the bin."""
    import torch

    if rank <= 0:
        return len(counts), 0
    above = torch.cumsum(counts.flip(0), 0)
    place = int(torch.searchsorted(above, rank))
    if place >= len(counts):
        return -1, 0
    return len(counts) - 1 - place, rank - int(above[place] - counts.flip(0)[place])


def _magnitude(upper: int, lower: int) -> float:
    import torch

    if upper >= UPPER:
        return float("inf")
    if upper < 0:
        return 0.0
    return float(torch.tensor((upper << 16) | lower, dtype=torch.int32).view(torch.float32))


def at_least(values: "Tensor", threshold: float) -> "Tensor":
    """The values whose magnitude reaches the threshold, zero elsewhere; NaN stays NaN."""
    import numpy as np
    import torch

    if threshold <= 0:
        return values
    # hardshrink keeps what is strictly larger, and is many times cheaper than a mask.
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    return torch.nn.functional.hardshrink(values, below)
