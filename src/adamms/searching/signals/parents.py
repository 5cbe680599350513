"""Agreement with both parents: how much a candidate keeps of what the base and the donor say.

Where the parents agree an answer counts for both, where they differ it can count for one. A parent agrees
with itself by definition and would always win, so alpha 0 and alpha 1 are not scored.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def parents(table: AnswerTable) -> NDArray[np.float64]:
    """The mean of an answer's agreement with the base's and with the donor's."""
    assert table.donor is not None
    found = np.full(table.codes.shape, np.nan)
    for row, (alpha, texts) in enumerate(zip(table.alphas, table.texts, strict=True)):
        if 0 < alpha < 1:
            far = table.measure(texts, table.texts[0]) + table.measure(texts, table.donor)
            found[row] = 1 - far / 2
    return found


SIGNAL = Signal(
    parents,
    summary="agreement with both parents",
    formula="1 - 1/2N sum_x d(G_i(x), G_base(x)) + d(G_i(x), G_donor(x))",
    cost="answers",
    needs=("parents",),
    scores_base="no",
    reads="parents",
)
