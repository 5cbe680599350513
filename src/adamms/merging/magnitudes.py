"""The exact k-th largest magnitude of any number of values, from counts: nothing is sorted or held.

A float32 magnitude is 31 bits whose order as integers is its order as numbers. A first pass counts the upper
15 bits (bfloat16's magnitude), a second the lower 16 bits of the one value of the upper bits that the k-th
largest has. Over a whole model a small sample tells which few upper values that can be, so that one look at
all values counts those above and, exactly, those among them; were the sample to mislead, the k-th would not
be among them, which shows, and the two passes follow. The threshold is exact either way; values that tie with
it are all on its side, because nothing but their place in a file could tell them apart. Values of float64 are
ranked as float32.
"""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

from adamms.merging import cpu_kernel
from adamms.merging.arrays import Array, as_numpy
from adamms.merging.dtypes import RawTaskVector, RawTensor
from adamms.merging.method import Reduction, Scope, call, parameters_of
from adamms.merging.task_vectors import task_vectors

if TYPE_CHECKING:
    import numpy as np

# Values to rank; task vectors that compiled code counts need not be computed first.
Series: TypeAlias = Array | RawTaskVector
UPPER = 1 << 15
LOWER = 1 << 16
# The upper bits of infinity: nothing finite reaches them.
INFINITE = 0x7F80
# One block in so many, and one in so many of its elements.
SAMPLE = 8
# How many upper values a bracket may span, and its half width in standard deviations of a sampled rank.
# Weights that lie together are alike, so that a sample of runs says less than one of single elements.
BRACKET = 8
DEVIATIONS = 8


def magnitude_reductions(
    values: Callable[..., Sequence[Array]],
    ranks: Callable[..., tuple[int, ...]],
    *,
    scope: Scope,
) -> tuple[Reduction, ...]:
    """The passes that find magnitudes by rank, as the fact `magnitudes`: one tuple a series.

    Args:
        values: the series of values to rank, such as one task vector a model; asks for what it needs as a
            method does.
        ranks: the ranks wanted, 1 for the largest; asks for the settings and `count`, the number of values,
            `nonzero`, how many of them are not zero, and `series`, which one it is. A rank of 0 gives
            infinity, one beyond `count` zero.
        scope: what is ranked together.
    """

    def series_in(everything: Mapping[str, Any]) -> Sequence[Series]:
        return everything["raw"] if "raw" in everything else call(values, everything)

    def map_upper(everything: Mapping[str, Any]) -> "np.ndarray":
        import numpy as np

        return np.stack([upper_counts(each) for each in series_in(everything)])

    def finalize_upper(total: "np.ndarray", everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for series, counts in enumerate(total):
            count = int(counts.sum())
            own = {"series": series, "count": count, "nonzero": count - int(counts[0])}
            wanted = call(ranks, {**everything, **own})
            found.append(tuple(_find(counts, rank) for rank in wanted))
        return {"uppers": tuple(found)}

    def map_lower(everything: Mapping[str, Any]) -> "np.ndarray":
        import numpy as np

        series = zip(series_in(everything), everything["uppers"], strict=True)
        return np.stack(
            [np.stack([lower_counts(each, upper) for upper, _ in found]) for each, found in series]
        )

    def finalize_lower(total: "np.ndarray", everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for counts, uppers in zip(total, everything["uppers"], strict=True):
            found.append(
                tuple(
                    _magnitude(upper, max(_find(lower, left)[0], 0) if 0 <= upper < UPPER else 0)
                    for lower, (upper, left) in zip(counts, uppers, strict=True)
                )
            )
        return {"magnitudes": tuple(found)}

    def finalize_sample(total: "np.ndarray", everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for series, counts in enumerate(total):
            count = int(counts.sum())
            own = {"series": series, "count": count, "nonzero": count - int(counts[0])}
            wanted = call(ranks, {**everything, **own})
            found.append(tuple(_bracket(counts, rank, count=count) for rank in wanted))
        return {"brackets": tuple(found)}

    def map_bracket(everything: Mapping[str, Any]) -> "np.ndarray":
        import numpy as np

        series = list(zip(series_in(everything), everything["brackets"], strict=True))
        total = everything.get("accumulated")
        if total is None:
            total = np.zeros((len(series), len(series[0][1]), 2 + BRACKET * LOWER), np.int64)
        for row, (each, brackets) in zip(total, series, strict=True):
            for counts, (low, high) in zip(row, brackets, strict=True):
                _count_inside(each, counts, low=low, high=high, nonzero=asked)
        return total  # type: ignore[no-any-return]

    def finalize_bracket(total: "np.ndarray", count: int, everything: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for series, (row, brackets) in enumerate(zip(total, everything["brackets"], strict=True)):
            own = {"series": series, "count": count, "nonzero": int(row[0][1])}
            wanted = call(ranks, {**everything, **own})
            for rank, counts, (low, _) in zip(wanted, row, brackets, strict=True):
                place, left = _find(counts[2:], rank - int(counts[0]))
                if not 0 <= place < len(counts) - 2 or left <= 0:
                    return {}
                found.append(_magnitude(low + (place >> 16), place & (LOWER - 1)))
        each = len(found) // len(total)
        return {"magnitudes": tuple(tuple(found[at : at + each]) for at in range(0, len(found), each))}

    asked = "nonzero" in parameters_of(ranks)
    known = None if scope == "tensor" else "magnitudes"
    raw = values is task_vectors
    exact = (
        Reduction(map_upper, finalize_upper, scope, skip_if=known, raw=raw),
        Reduction(map_lower, finalize_lower, scope, skip_if=known, raw=raw),
    )
    if scope == "tensor":
        return exact
    return (
        Reduction(map_upper, finalize_sample, scope, sample=SAMPLE, raw=raw),
        Reduction(map_bracket, finalize_bracket, scope, accumulator=True, raw=raw),
        *exact,
    )


def _bracket(counts: "np.ndarray", rank: int, *, count: int) -> tuple[int, int]:
    """The upper values between which a rank's lies, judged by a sample's counts: the lowest, the highest."""
    share = min(max(rank / count, 0.0), 1.0)
    margin = 1 + int(DEVIATIONS * sqrt(count * share * (1 - share)))
    middle, low, high = (
        min(max(_find(counts, place)[0], 0), INFINITE - 1)
        for place in (min(max(rank, 1), count), min(rank + margin, count), max(rank - margin, 1))
    )
    low = max(low, middle - BRACKET // 2)
    return low, min(high, low + BRACKET - 1)


def _count_inside(series: Series, counts: "np.ndarray", *, low: int, high: int, nonzero: bool) -> None:
    """Add to `counts` how many lie above the bracket, how many are not zero, and each value inside."""
    import numpy as np

    least, beyond = (np.array(bits << 16, np.uint32).view(np.float32) for bits in (low, high + 1))
    if library := cpu_kernel.library():
        cpu_kernel.count_between(library, _vector(series), counts, least=float(least), beyond=float(beyond))
        return
    magnitudes = _magnitudes(series)
    above = magnitudes >= beyond
    counts[0] += np.count_nonzero(above)
    if nonzero:
        counts[1] += np.count_nonzero(magnitudes > 0)
    inside = np.flatnonzero((magnitudes >= least) ^ above)
    np.add.at(counts, magnitudes[inside].view(np.int32) + np.int32(2 - (low << 16)), 1)


def upper_counts(series: Series) -> "np.ndarray":
    """How often each value of a magnitude's upper 15 bits occurs."""
    import numpy as np

    if library := cpu_kernel.library():
        cpu_kernel.count_upper(library, _vector(series), counts := np.zeros(UPPER, np.int64))
        return counts
    # The upper half of every little-endian float32 whose sign is gone.
    return np.bincount(_magnitudes(series).view(np.uint16)[1::2], minlength=UPPER)


def lower_counts(series: Series, upper: int) -> "np.ndarray":
    """How often each value of the lower 16 bits occurs among the magnitudes with these upper bits."""
    import numpy as np

    counts = np.zeros(2 + LOWER, np.int64)
    if 0 <= upper < INFINITE:
        _count_inside(series, counts, low=upper, high=upper, nonzero=False)
    return counts[2:]


def _vector(series: Series) -> RawTaskVector:
    import numpy as np

    if isinstance(series, RawTaskVector):
        return series
    values = np.ascontiguousarray(as_numpy(series), np.float32)
    return RawTaskVector(RawTensor(values.view(np.uint8), "F32"))


def _magnitudes(values: Array) -> "np.ndarray":
    import numpy as np

    return np.abs(as_numpy(values)).astype(np.float32, copy=False)


def _find(counts: "np.ndarray", rank: int) -> tuple[int, int]:
    """The bin of the `rank`-th largest, and its rank among those of the bin."""
    import numpy as np

    if rank <= 0:
        return len(counts), 0
    above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(above, rank))
    if place >= len(counts):
        return -1, 0
    at = len(counts) - 1 - place
    return at, rank - int(above[place] - counts[at])


def _magnitude(upper: int, lower: int) -> float:
    import numpy as np

    if upper >= UPPER:
        return float("inf")
    if upper < 0:
        return 0.0
    return float(np.array((upper << 16) | lower, np.uint32).view(np.float32))
