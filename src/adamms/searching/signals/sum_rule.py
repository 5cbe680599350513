"""The paper's rule, Algorithm 1: how little the answers change between neighbours, both counted."""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.consistency import rule_distances
from adamms.searching.signal import Signal


def sum_(table: AnswerTable) -> NDArray[np.float64]:
    """Minus the distances to both neighbours, added."""
    return -rule_distances(table.gaps, rule="sum", ends=table.ends)


SIGNAL = Signal(
    sum_,
    summary="the paper's: fewest answers that differ from the neighbours', both counted (Algorithm 1)",
    formula="- 1/N sum_x d(G_i(x), G_{i-1}(x)) + d(G_i(x), G_{i+1}(x))",
    cost="answers",
    needs=("neighbours",),
    scores_base="with ends",
    reads="neighbours",
    place=1,
)
