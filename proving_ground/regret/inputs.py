"""How many inputs a choice needs: the first so many of the drawn ones choose, the same rest scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proving_ground.regret.cells import Cell
from proving_ground.regret.rules import Rule
from proving_ground.regret.scoring import accuracies, drawn

SIZES = (10, 25, 50, 100)
MANY = 200
SEED = 2


@dataclass(frozen=True)
class AtSize:
    """What a rule loses in a cell if it is shown so many inputs."""

    rule: str
    cell: Cell
    size: int
    regret: float


def at_sizes(cell: Cell, rules: Sequence[Rule], *, draws: int) -> list[AtSize]:
    """Score the rules on fewer inputs; on 200 only where as many are left to score on."""
    columns = drawn(cell, draws=draws)
    order = np.random.default_rng(SEED).permuted(columns, axis=1)
    shown = [(size, np.sort(order[:, :size]), columns) for size in SIZES if size <= columns.shape[1]]
    if cell.right.shape[1] >= 2 * MANY:
        more = drawn(cell, draws=draws, size=MANY)
        shown.append((MANY, more, more))
    results = []
    for size, choosing, taken in shown:
        rest = accuracies(cell.right, taken)
        for rule in rules:
            got = rest[np.arange(len(rest)), rule.choose(cell, choosing)]
            results.append(AtSize(rule.name, cell, size, float(100 * (rest.max(axis=1) - got).mean())))
    return results
