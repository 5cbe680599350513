"""From a signal's numbers to a candidate: best mean, ties, significance margin, and many subsets at once.

Sums are taken in ascending order, so that they depend on the numbers alone and not on the order of the
inputs. Means that differ by no more than a sum of floats may err tie. Knows neither answers nor signals.
"""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""A signal's numbers, (candidates, inputs); higher is better, a row of NaN is not scored."""

MIN_GAIN_SE = 2.0
"""The significance margin (`--gated`): paired standard errors that a gain over the base must exceed."""

ROUNDING = 1e-12
"""How much of its size (or of one, where that is more) the mean of some thousand numbers may be off."""

NONE = -1
"""What stands for "no candidate can be chosen" among rows."""


@dataclass(frozen=True)
class Gain:
    """How much better a candidate's mean is than the base's, and how sure that is."""

    gain: Values
    noise: Values
    """Standard error of the paired difference over inputs; infinite for fewer than two inputs."""

    def beyond(self, min_gain_se: float) -> NDArray[np.bool_]:
        """Whether a gain is larger than `min_gain_se` of its standard errors."""
        return self.gain > min_gain_se * self.noise


def means(values: Values) -> Values:
    """The mean over the last axis, whatever the order in which it comes."""
    return np.sort(values, axis=-1).sum(axis=-1) / values.shape[-1] + 0.0


def gains(values: Values, *, base: int) -> Gain:
    """Every candidate's mean difference from the base's row, and its paired standard error.

    Args:
        values: (..., candidates, inputs).
        base: the row of alpha 0.
    """
    count = values.shape[-1]
    differences = np.sort(values - values[..., base : base + 1, :], axis=-1)
    gain = differences.sum(axis=-1) / count
    if count < 2:
        return Gain(gain, np.full(gain.shape, np.inf))
    spread = ((differences - gain[..., None]) ** 2).sum(axis=-1) / (count - 1)
    return Gain(gain, np.sqrt(spread / count))


def winners(
    values: Values, *, allowed: NDArray[np.bool_], base: int | None = None, min_gain_se: float | None = None
) -> NDArray[np.bool_]:
    """The candidates with the best mean among those that may be chosen.

    Args:
        values: (..., candidates, inputs).
        allowed: which candidates may be chosen; where none that is scored may, the base may.
        base: the row of alpha 0, if it is among the candidates.
        min_gain_se: leave the base only for a gain beyond so many paired standard errors; needs a scored
            base.

    Returns:
        (..., candidates), all false where nothing can be chosen.
    """
    scores = means(values)
    eligible = allowed & ~np.isnan(scores)
    if base is not None:
        home = np.arange(scores.shape[-1]) == base
        scored = ~np.isnan(scores[..., base : base + 1])
        # "Do not merge" is an answer even where every candidate has collapsed, the base with them.
        eligible = eligible | (home & scored & ~eligible.any(axis=-1, keepdims=True))
        if min_gain_se is not None:
            eligible &= gains(values, base=base).beyond(min_gain_se) | home
            eligible |= home & scored & ~eligible.any(axis=-1, keepdims=True)
    best = np.where(eligible, scores, -np.inf).max(axis=-1, keepdims=True)
    return eligible & (scores >= best - ROUNDING * np.maximum(abs(best), 1))


def first(won: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The smallest alpha's row among the winners, `NONE` where there is none."""
    return np.where(won.any(axis=-1), won.argmax(axis=-1), NONE)


def subsets(inputs: int, *, size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Columns of `count` subsets, (count, size), each drawn without replacement.

    The draws are Python's own, so the same seed draws the same subsets on every machine.
    """
    draw = random.Random(seed)
    return np.array([sorted(draw.sample(range(inputs), size)) for _ in range(count)])


def wins(
    values: Values,
    columns: NDArray[np.int64],
    *,
    allowed: NDArray[np.bool_],
    base: int | None = None,
    min_gain_se: float | None = None,
) -> NDArray[np.int64]:
    """The row that is chosen on each of many subsets of the inputs.

    Args:
        values: (candidates, inputs).
        columns: (subsets, size).
        allowed: as in `winners`, with `base` and `min_gain_se`.
        base: the row of alpha 0.
        min_gain_se: in paired standard errors.

    Returns:
        (subsets,), `NONE` where nothing can be chosen.
    """
    by_subset = np.moveaxis(values[:, columns], 0, 1)
    return first(winners(by_subset, allowed=allowed, base=base, min_gain_se=min_gain_se))
