"""The baseline with labels (the paper's Appendix D): how right a candidate's answers are.

No label-free choice: the true answers are handed in, scored elsewhere, input by input. It is listed beside
the label-free signals only where a supervised choice was asked for.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def labels(table: AnswerTable) -> NDArray[np.float64]:
    """How right an answer is, from 0 to 1."""
    assert table.labels is not None
    return table.labels


SIGNAL = Signal(
    labels,
    summary="supervised: accuracy on the true answers of the drawn inputs (Appendix D)",
    formula="1/N sum_x score(G_i(x), y(x))",
    cost="labels",
    needs=("labels",),
    distrust=lambda table: None,
)
