"""The exact k-th largest magnitude of any number of values, from counts: nothing is sorted or held.

A float32 magnitude is 31 bits whose order as integers is its order as numbers. So the k-th largest follows
from
how often each value occurs, counted in two steps:

    upper   how often each value of the upper 15 bits (bfloat16's magnitude) occurs
    lower   of the one upper value that the k-th largest has, how often each value of the lower 16 bits occurs

Over one tensor these are two looks at its values. Over a whole model there are two ways through. The fast
one:

    sample    the upper counts of one element in 64: between which few upper values (a bracket) the k-th lies
    bracket   one look at all values: how many lie above the bracket, and, exactly, each value inside it

Were the sample to mislead, the k-th would not lie inside, which shows: `bracket` then gives nothing, and
upper and lower follow. The threshold is exact either way. Values that tie with it are all on its side,
because nothing but their place in a file could tell them apart. Values of float64 are ranked as float32.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

from adamms.merging.method import Reduction, Scope, call, parameters_of
from adamms.merging.task_vectors import task_vectors

if TYPE_CHECKING:
    import numpy as np

    from adamms.merging.dtypes import RawTaskVector

# Values to rank; task vectors that the fused kernel counts need not be computed first.
Series: TypeAlias = "np.ndarray | RawTaskVector"
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
    values: Callable[..., Sequence[Any]], ranks: Callable[..., tuple[int, ...]], *, scope: Scope
) -> tuple[Reduction, ...]:
    """The reductions that give magnitudes by rank, as the statistic `magnitudes`: one tuple a series.

    Args:
        values: the series of values to rank, such as one task vector a model; asks for what it needs as a
            method does.
        ranks: the ranks wanted, 1 for the largest; asks for the settings and `count`, the number of values,
            `nonzero`, how many of them are not zero, and `series`, which one it is. A rank of 0 gives
            infinity, one beyond `count` zero.
        scope: what is ranked together.
    """
    ranking = _Ranking(values, ranks)
    raw = values is task_vectors
    skip_if = None if scope == "tensor" else "magnitudes"
    exact = (
        Reduction(ranking.map_upper, ranking.find_uppers, scope, skip_if=skip_if, raw=raw),
        Reduction(ranking.map_lower, ranking.find_lowers, scope, skip_if=skip_if, raw=raw),
    )
    if scope == "tensor":
        return exact
    return (
        Reduction(ranking.map_upper, ranking.find_brackets, scope, sample=SAMPLE, raw=raw),
        Reduction(ranking.map_bracket, ranking.find_inside, scope, accumulator=True, raw=raw),
        *exact,
    )


@dataclass(frozen=True)
class _Ranking:
    """The functions of the reductions; `named` is what a method may ask for (`MergeInputs.arguments`).

    Counts are int64, summed over blocks, with the axes (series, wanted rank, value): of the upper bits
    (series, UPPER), of the lower (series, rank, LOWER), of a bracket (series, rank, 2 + BRACKET * LOWER),
    where the first two say how many lie above and how many are not zero.
    """

    values: Callable[..., Sequence[Any]]
    ranks: Callable[..., tuple[int, ...]]

    def map_upper(self, **named: Any) -> "np.ndarray":
        """A block's counts of the upper bits."""
        import numpy as np

        return np.stack([upper_counts(series) for series in self._series(named)])

    def find_uppers(self, total: "np.ndarray", **named: Any) -> dict[str, Any]:
        """As `uppers`: the upper bits of every wanted rank, and its rank among the values that have them."""
        return {
            "uppers": tuple(
                tuple(_find(counts, rank) for rank in self._wanted(series, _counted(counts), named))
                for series, counts in enumerate(total)
            )
        }

    def map_lower(self, **named: Any) -> "np.ndarray":
        """A block's counts of the lower bits, among the values with the upper bits of each wanted rank."""
        import numpy as np

        pairs = zip(self._series(named), named["uppers"], strict=True)
        return np.stack(
            [np.stack([lower_counts(series, upper) for upper, _ in uppers]) for series, uppers in pairs]
        )

    def find_lowers(self, total: "np.ndarray", **named: Any) -> dict[str, Any]:
        """As `magnitudes`: every wanted one."""
        magnitudes = []
        for row, uppers in zip(total, named["uppers"], strict=True):
            lowers = [_find(counts, left)[0] for counts, (_, left) in zip(row, uppers, strict=True)]
            magnitudes.append(
                tuple(
                    _magnitude(upper, max(lower, 0) if 0 <= upper < UPPER else 0)
                    for (upper, _), lower in zip(uppers, lowers, strict=True)
                )
            )
        return {"magnitudes": tuple(magnitudes)}

    def find_brackets(self, total: "np.ndarray", **named: Any) -> dict[str, Any]:
        """As `brackets`: the upper bits between which every wanted rank lies, judged by a sample."""
        brackets = []
        for series, counts in enumerate(total):
            counted = _counted(counts)
            wanted = self._wanted(series, counted, named)
            brackets.append(tuple(_bracket(counts, rank, count=counted["count"]) for rank in wanted))
        return {"brackets": tuple(brackets)}

    def map_bracket(self, **named: Any) -> "np.ndarray":
        """The counts of brackets `accumulated` so far, with a block's added."""
        import numpy as np

        pairs = list(zip(self._series(named), named["brackets"], strict=True))
        total: np.ndarray | None = named["accumulated"]
        if total is None:
            # Megabytes, mostly zero: one for every thread, not one for every block.
            total = np.zeros((len(pairs), len(pairs[0][1]), 2 + BRACKET * LOWER), np.int64)
        nonzero = "nonzero" in parameters_of(self.ranks)[0]
        for row, (series, brackets) in zip(total, pairs, strict=True):
            for counts, (low, high) in zip(row, brackets, strict=True):
                _count_inside(series, counts, low=low, high=high, nonzero=nonzero)
        return total

    def find_inside(self, total: "np.ndarray", count: int, **named: Any) -> dict[str, Any]:
        """As `magnitudes`: every wanted one; nothing if a single one lies outside its bracket."""
        magnitudes = []
        for series, (row, brackets) in enumerate(zip(total, named["brackets"], strict=True)):
            wanted = self._wanted(series, {"count": count, "nonzero": int(row[0][1])}, named)
            own = []
            for rank, counts, (low, _) in zip(wanted, row, brackets, strict=True):
                place, left = _find(counts[2:], rank - int(counts[0]))
                if not 0 <= place < len(counts) - 2 or left <= 0:
                    return {}
                own.append(_magnitude(low + (place >> 16), place & (LOWER - 1)))
            magnitudes.append(tuple(own))
        return {"magnitudes": tuple(magnitudes)}

    def _series(self, named: Mapping[str, Any]) -> Sequence[Series]:
        series: Sequence[Series] = named["raw"] if "raw" in named else call(self.values, named)
        return series

    def _wanted(self, series: int, counted: Mapping[str, int], named: Mapping[str, Any]) -> tuple[int, ...]:
        wanted: tuple[int, ...] = call(self.ranks, {**named, **counted, "series": series})
        return wanted


def _counted(counts: "np.ndarray") -> dict[str, int]:
    """How many values were counted, and how many are not zero, by the counts of their upper bits."""
    count = int(counts.sum())
    return {"count": count, "nonzero": count - int(counts[0])}


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
    """Count a series' magnitudes.

    Args:
        series: whose.
        counts: int64; gets how many lie above the bracket, how many are not zero, and each value inside.
        low: the bracket's lowest upper bits.
        high: and its highest.
        nonzero: whether those that are not zero are asked for.
    """
    import numpy as np

    from adamms.merging import cpu_kernel

    least, beyond = (np.array(bits << 16, np.uint32).view(np.float32) for bits in (low, high + 1))
    if kernel := cpu_kernel.library():
        vector = _vector(series)
        cpu_kernel.count_between(kernel, vector, counts, least=float(least), beyond=float(beyond))
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

    from adamms.merging import cpu_kernel

    if kernel := cpu_kernel.library():
        cpu_kernel.count_upper(kernel, _vector(series), counts := np.zeros(UPPER, np.int64))
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


def _vector(series: Series) -> "RawTaskVector":
    import numpy as np

    from adamms.merging.dtypes import RawTaskVector, RawTensor

    if isinstance(series, RawTaskVector):
        return series
    values = np.ascontiguousarray(series, np.float32)
    return RawTaskVector(RawTensor(values.view(np.uint8), "F32"))


def _magnitudes(values: Any) -> "np.ndarray":
    import numpy as np

    return np.abs(values).astype(np.float32, copy=False)


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
