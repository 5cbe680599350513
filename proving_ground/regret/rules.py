"""What is compared: constants, and every signal with and without the significance margin.

A rule takes a cell's answers and columns of drawn questions, and gives a candidate's row for each draw.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import MIN_GAIN_SE, NONE, wins
from adamms.searching.signal import Signal
from adamms.searching.signals import all_signals

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Rule:
    """A way to choose: (answers, drawn columns (draws, size)) -> a row for each draw."""

    name: str
    choose: Callable[[AnswerTable, Rows], Rows]
    signal: Signal | None = None


def all_rules() -> list[Rule]:
    """Return the constants, the signals, and the gated signals."""
    signals = all_signals()
    return [
        *(_constant(alpha) for alpha in (0.0, 0.1, 0.2, 0.4)),
        *(_chosen(signal, min_gain_se=None) for signal in signals),
        *(_chosen(signal, min_gain_se=MIN_GAIN_SE) for signal in signals if signal.scores_base == "yes"),
    ]


def _constant(alpha: float) -> Rule:
    def choose(table: AnswerTable, columns: Rows) -> Rows:
        return np.full(len(columns), table.alphas.index(alpha))

    return Rule("never merge" if alpha == 0 else f"always {alpha:g}", choose)


def _chosen(signal: Signal, *, min_gain_se: float | None) -> Rule:
    def choose(table: AnswerTable, columns: Rows) -> Rows:
        values = signal.values(table)
        base = None if np.isnan(values[0]).any() else 0
        rows = wins(values, columns, allowed=table.sound, base=base, min_gain_se=min_gain_se)
        # Where nothing can be chosen nothing is merged.
        return np.where(rows == NONE, 0, rows)

    name = signal.name if min_gain_se is None else f"{signal.name}, gated"
    return Rule("sum (the paper's)" if name == "sum" else name, choose, signal)
