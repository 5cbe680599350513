"""What is compared: constants, every signal, the witnesses without a term, reading, true labels.

A rule takes a cell and columns of drawn questions, and gives a candidate's row for each draw.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import MIN_GAIN_SE, NONE, wins
from adamms.searching.signal import Signal
from adamms.searching.signals import all_signals
from adamms.searching.signals.witnesses import TERMS, Terms, witnesses
from proving_ground.regret.cells import Cell
from proving_ground.regret.reading import everything_read, reduced_rows

Rows = NDArray[np.int64]
Values = NDArray[np.float64]

PAPER = "sum (the paper's)"
NEVER = "never merge"
WITNESSES = "witnesses"
DEAF = "witnesses, no theta_0"
STAND_IN = "witnesses, alpha 1 for the donor"
READ = "read everything"
REDUCED = "reduced search"
LABELS = "labels of the same inputs"
MAIN = (NEVER, PAPER, "confidence-sigmoid", STAND_IN, DEAF, WITNESSES, READ, REDUCED, LABELS)
"""The rules of the short tables, in their order."""
WITH_FEWER_INPUTS = (PAPER, DEAF, WITNESSES, READ, LABELS)
"""The rules of the tables by number of inputs."""

WITHOUT_THETA_0 = replace(TERMS, opinion=0.0)
ABLATIONS: dict[str, Terms] = {
    DEAF: WITHOUT_THETA_0,
    "witnesses, no own confidence": replace(TERMS, own=0.0),
    "witnesses, no share of the merges": replace(TERMS, share=0.0),
    "witnesses, the parents' belief alone": replace(TERMS, own=0.0, share=0.0),
    "witnesses, no belief": replace(TERMS, belief=0.0),
    "witnesses, theta_0 to 1/8": replace(TERMS, opinion=1 / 8),
    "witnesses, theta_0 to 1/2": replace(TERMS, opinion=1 / 2),
}


@dataclass(frozen=True)
class Rule:
    """A way to choose: (cell, drawn columns (draws, size)) -> a row for each draw."""

    name: str
    choose: Callable[[Cell, Rows], Rows]
    signal: Signal | None = None


def all_rules() -> list[Rule]:
    """Return everything that is compared."""
    signals = all_signals()
    return [
        *(_constant(alpha) for alpha in (0.0, 0.1, 0.2, 0.4)),
        *(_chosen(signal, min_gain_se=None) for signal in signals),
        *(_scored(name, _of_table(terms)) for name, terms in ABLATIONS.items()),
        _scored(STAND_IN, lambda cell: witnesses(cell.stand_in, WITHOUT_THETA_0)),
        _scored(READ, everything_read),
        Rule(REDUCED, reduced_rows),
        Rule(
            "reduced search, no theta_0",
            lambda cell, columns: reduced_rows(cell, columns, deaf=True),
        ),
        _scored(LABELS, lambda cell: cell.right.astype(float)),
        *(_chosen(signal, min_gain_se=MIN_GAIN_SE) for signal in signals if signal.scores_base == "yes"),
    ]


def named(rules: Sequence[Rule], names: Sequence[str]) -> list[Rule]:
    """Return the rules of these names."""
    by_name = {rule.name: rule for rule in rules}
    return [by_name[name] for name in names]


def _constant(alpha: float) -> Rule:
    def choose(cell: Cell, columns: Rows) -> Rows:
        return np.full(len(columns), cell.alphas.index(alpha))

    return Rule(NEVER if alpha == 0 else f"always {alpha:g}", choose)


def _of_table(terms: Terms) -> Callable[[Cell], Values]:
    return lambda cell: witnesses(cell.table, terms)


def _scored(name: str, values: Callable[[Cell], Values]) -> Rule:
    """Return a rule of numbers (candidates, questions) whose mean is best."""
    kept = lru_cache(maxsize=1)(values)  # the same cell is asked with several draws, one after the other
    return Rule(name, lambda cell, columns: _taken(cell.table, kept(cell), columns, min_gain_se=None))


def _chosen(signal: Signal, *, min_gain_se: float | None) -> Rule:
    kept = lru_cache(maxsize=1)(lambda cell: signal.values(cell.table))

    def choose(cell: Cell, columns: Rows) -> Rows:
        return _taken(cell.table, kept(cell), columns, min_gain_se=min_gain_se)

    name = PAPER if signal.name == "sum" else signal.name
    return Rule(name if min_gain_se is None else f"{name}, gated", choose, signal)


def _taken(table: AnswerTable, values: Values, columns: Rows, *, min_gain_se: float | None) -> Rows:
    base = None if np.isnan(values[0]).any() else 0
    rows = wins(values, columns, allowed=table.sound, base=base, min_gain_se=min_gain_se)
    # Where nothing can be chosen nothing is merged.
    return np.where(rows == NONE, 0, rows)
