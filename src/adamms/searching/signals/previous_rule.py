"""The other published script: only the candidate below is compared with."""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.consistency import rule_distances
from adamms.searching.signal import Signal


def previous(table: AnswerTable) -> NDArray[np.float64]:
    """Minus the distance to the candidate below."""
    return -rule_distances(table.gaps, rule="previous", ends=table.ends)


SIGNAL = Signal(
    previous,
    summary="fewest answers that differ from the candidate's below (one published script)",
    formula="- 1/N sum_x d(G_i(x), G_{i-1}(x))",
    cost="answers",
    needs=("neighbours",),
    scores_base="with ends",
    reads="neighbours",
    place=3,
)
