"""The confidence-weighted vote: agreement with the answer that wins when every candidate votes with
confidence^16.

The power makes a few sure candidates outvote many unsure ones. Collapsed candidates do not vote. Of
answers with as many votes, the one that the smallest alpha gives counts.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal

POWER = 16


def weighted_vote(table: AnswerTable) -> NDArray[np.float64]:
    """1 where the answer is the one with most votes; a candidate without confidence has none."""
    assert table.confidence is not None
    votes = table.agreement(table.vote(table.confidence**POWER))
    votes[np.isnan(table.confidence).any(axis=1)] = np.nan
    return votes


SIGNAL = Signal(
    weighted_vote,
    summary="agreement with the answer that wins when candidates vote with confidence^16",
    formula="1/N sum_x [G_i(x) = v(x)],  v(x) = argmax_a sum_{j: G_j(x) = a} c_j(x)^16",
    cost="log-probabilities",
    needs=("confidence",),
    reads="all",
    place=4,
)
