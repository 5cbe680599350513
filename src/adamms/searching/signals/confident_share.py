"""The share of inputs answered with a confidence over .9: confidence that single doubts do not move."""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal

SURE = 0.9


def confident_share(table: AnswerTable) -> NDArray[np.float64]:
    """1 where an answer's confidence is over .9."""
    assert table.confidence is not None
    return np.where(np.isnan(table.confidence), np.nan, table.confidence > SURE)


SIGNAL = Signal(
    confident_share,
    summary="share of inputs answered with a confidence over .9",
    formula="1/N sum_x [c_i(x) > .9]",
    cost="log-probabilities",
    needs=("confidence",),
)
