"""How undecided a candidate is at the first token of its answers; less is better."""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal


def first_token_entropy(table: AnswerTable) -> NDArray[np.float64]:
    """Minus the entropy of the first token's distribution, in nats."""
    assert table.entropy is not None
    return -table.entropy


SIGNAL = Signal(
    first_token_entropy,
    summary="least entropy of the first token",
    formula="- 1/N sum_x H(p_i(y_1 | x))",
    cost="log-probabilities",
    needs=("entropy",),
    place=8,
)
