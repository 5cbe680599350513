"""Appendix B and one published script: an input that differs from either neighbour counts once."""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.consistency import rule_distances
from adamms.searching.signal import Signal


def any_(table: AnswerTable) -> NDArray[np.float64]:
    """Minus the larger of the distances to both neighbours."""
    return -rule_distances(table.gaps, rule="any", ends=table.ends)


SIGNAL = Signal(
    any_,
    summary="fewest answers that differ from either neighbour's (Appendix B)",
    formula="- 1/N sum_x max(d(G_i(x), G_{i-1}(x)), d(G_i(x), G_{i+1}(x)))",
    cost="answers",
    needs=("neighbours",),
    scores_base="with ends",
    reads="neighbours",
    place=2,
)
