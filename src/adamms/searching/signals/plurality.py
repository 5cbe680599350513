"""Agreement with the plurality: how often a candidate says what most candidates say.

Collapsed candidates do not vote. Of answers with as many votes, the one that the smallest alpha gives counts.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def plurality(table: AnswerTable) -> NDArray[np.float64]:
    """1 where the answer is the one that most candidates give."""
    return table.agreement(table.plurality)


SIGNAL = Signal(
    plurality,
    summary="agreement with the answer that most candidates give",
    formula="1/N sum_x [G_i(x) = p(x)],  p(x) = argmax_a #{j: G_j(x) = a}",
    cost="answers",
    reads="all",
)
