"""How probable the plurality's answers are under each candidate: a vote weighed by each candidate's own
belief.

The log-probabilities come from one teacher-forced forward pass a candidate over question and answer
(`searching/teacher_forcing.py`); nothing is generated. The first signal that costs a pass.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def plurality_logprob(table: AnswerTable) -> NDArray[np.float64]:
    """The mean log-probability of the plurality answer's tokens, its end included."""
    assert table.log_probabilities is not None
    return table.log_probabilities


SIGNAL = Signal(
    plurality_logprob,
    summary="mean log-probability of the answers that most candidates give",
    formula="1/N sum_x 1/T sum_t log p_i(y_t | x, y_<t),  y = p(x), the plurality's answer",
    cost="forward pass",
    needs=("log_probabilities",),
    reads="all",
)
