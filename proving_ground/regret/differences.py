"""How sure a difference from the paper's rule is: the pairs and seeds are drawn anew, and the cells.

Cells of one pair and seed share their parents, so their differences are no independent draws. The interval
over pairs and seeds takes each with all its cells or not at all; it is the one to believe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proving_ground.regret.scoring import Outcome

RESAMPLES, SEED = 4000, 0
EDGES = (2.5, 97.5)
"""Percentiles: the middle 95 %."""


@dataclass(frozen=True)
class Difference:
    """A rule's mean regret minus the paper's, in percentage points."""

    rule: str
    mean: float
    by_pairs: tuple[float, float]
    """95 % interval, drawing pairs and seeds."""
    by_cells: tuple[float, float]
    """95 % interval, drawing cells."""
    below: int
    """Pairs and seeds in which the rule loses less."""
    pairs: int


def difference(outcomes: Sequence[Outcome], *, rule: str, paper: str) -> Difference:
    """Compare a rule with the paper's in the same cells."""
    theirs = {outcome.cell.name: outcome.regret for outcome in outcomes if outcome.rule == paper}
    groups: dict[tuple[str, str], list[float]] = {}
    for outcome in outcomes:
        if outcome.rule == rule:
            header = outcome.cell.header
            gap = outcome.regret - theirs[outcome.cell.name]
            groups.setdefault((header.pair, header.seed), []).append(gap)
    every = [gap for gaps in groups.values() for gap in gaps]
    means = [sum(gaps) / len(gaps) for gaps in groups.values()]
    return Difference(
        rule=rule,
        mean=sum(every) / len(every),
        by_pairs=interval([sum(gaps) for gaps in groups.values()], [len(gaps) for gaps in groups.values()]),
        by_cells=interval(every, [1] * len(every)),
        below=sum(mean < 0 for mean in means),
        pairs=len(means),
    )


def interval(sums: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """Return where the mean lies when the groups are drawn anew, with replacement."""
    drawn = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    means: NDArray[np.float64] = np.array(sums)[drawn].sum(axis=1) / np.array(counts)[drawn].sum(axis=1)
    low, high = np.percentile(means, EDGES)
    return float(low), float(high)
