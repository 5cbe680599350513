"""A candidate's own confidence: the mean probability of the tokens of its greedy answers.

Known in work on predicting accuracy without labels; a model that is wrong and sure is its known weakness.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def confidence(table: AnswerTable) -> NDArray[np.float64]:
    """The mean probability of an answer's tokens."""
    assert table.confidence is not None
    return table.confidence


SIGNAL = Signal(
    confidence,
    summary="own confidence: mean probability of the tokens of its answers",
    formula="1/N sum_x c_i(x),  c_i(x) = 1/T sum_t p_i(y_t | x, y_<t)",
    cost="log-probabilities",
    needs=("confidence",),
    place=6,
)
