"""The measures: regret, distance to the best alpha, gains, rank correlation; a cell at a time, then by kind.

Each draw takes some questions of a task to choose on; the chosen candidate is scored on the rest, against the
candidate that is best on that rest. A cell's numbers are means over draws. All are percentage points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.searching.choosing import subsets
from proving_ground.regret.cells import Cell
from proving_ground.regret.rules import Rule

DRAWS, CHOOSING, SEED = 20, 100, 5
NEAR = 0.1 + 1e-9


@dataclass(frozen=True)
class Outcome:
    """How a rule fared in one cell, means over the draws; `rank` is None where one side does not vary."""

    rule: str
    cell: Cell
    regret: float
    near: float
    """Share of draws, in percent, that chose within 0.1 of the (nearest) best alpha."""
    over_base: float
    over_tenth: float
    """Against always 0.1."""
    rank: float | None


@dataclass(frozen=True)
class Summary:
    """A rule over some cells: the mean and the worst cell."""

    cells: int
    regret: float
    worst: float
    worst_cell: str
    near: float
    over_base: float
    over_tenth: float
    rank: float | None


def outcomes(cell: Cell, rules: Sequence[Rule], *, draws: int = DRAWS, size: int = CHOOSING) -> list[Outcome]:
    """Score every rule in a cell, all on the same draws."""
    columns = drawn(cell, draws=draws, size=size)
    rest = accuracies(cell.right, columns)
    return [_outcome(cell, rule, columns=columns, rest=rest) for rule in rules]


def drawn(cell: Cell, *, draws: int = DRAWS, size: int = CHOOSING) -> NDArray[np.int64]:
    """Return the questions to choose on, (draws, size); never more than half of a cell's."""
    questions = cell.right.shape[1]
    return subsets(questions, size=min(size, questions // 2), count=draws, seed=SEED)


def accuracies(right: NDArray[np.bool_], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the accuracy of each candidate on the questions that a draw leaves: (draws, candidates)."""
    drawn = right[:, columns].sum(axis=2).T
    left = right.shape[1] - columns.shape[1]
    shares: NDArray[np.float64] = (right.sum(axis=1) - drawn) / left
    return shares


def _outcome(cell: Cell, rule: Rule, *, columns: NDArray[np.int64], rest: NDArray[np.float64]) -> Outcome:
    chosen = rule.choose(cell, columns)
    alphas = np.array(cell.alphas)
    got = rest[np.arange(len(chosen)), chosen]
    best = rest.max(axis=1, keepdims=True)
    distance = np.where(rest == best, abs(alphas - alphas[chosen][:, None]), np.inf).min(axis=1)
    return Outcome(
        rule=rule.name,
        cell=cell,
        regret=float(100 * (best[:, 0] - got).mean()),
        near=float(100 * (distance <= NEAR).mean()),
        over_base=float(100 * (got - rest[:, 0]).mean()),
        over_tenth=float(100 * (got - rest[:, cell.alphas.index(0.1)]).mean()),
        rank=None if rule.signal is None else _rank(rule.signal.scores(cell.table), cell.accuracy),
    )


def _rank(scores: NDArray[np.float64], accuracy: NDArray[np.float64]) -> float | None:
    """Return Spearman's correlation over the candidates that are scored."""
    scored = ~np.isnan(scores)
    one, two = _ranks(scores[scored]), _ranks(accuracy[scored])
    if one.std() == 0 or two.std() == 0:
        return None
    return float(np.corrcoef(one, two)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks, equal values sharing the mean of theirs."""
    below = (values[:, None] > values[None, :]).sum(axis=1)
    equal = (values[:, None] == values[None, :]).sum(axis=1)
    return below + (equal - 1) / 2


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Sum up one rule's outcomes."""
    worst = max(outcomes, key=lambda outcome: outcome.regret)
    ranks = [outcome.rank for outcome in outcomes if outcome.rank is not None]
    return Summary(
        cells=len(outcomes),
        regret=_mean([outcome.regret for outcome in outcomes]),
        worst=worst.regret,
        worst_cell=worst.cell.name,
        near=_mean([outcome.near for outcome in outcomes]),
        over_base=_mean([outcome.over_base for outcome in outcomes]),
        over_tenth=_mean([outcome.over_tenth for outcome in outcomes]),
        rank=_mean(ranks) if ranks else None,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
