"""The share of answers that a candidate does not merely guess: its confidence through a soft bar at .55.

Merging lowers the confidence of answers that stay right, so a mean of it takes every blend for a worse model.
What marks a model that knows less is the tail, the answers that it hardly believes itself. Here an answer of
confidence .55 loses a half, .65 an eighth, .75 a fortieth, and whether it is .9 or 1 makes no odds; a hard
bar at .9 does the opposite (docs/signals.md). A bar on confidence is known from predicting accuracy without
labels (Garg et al. 2022, "Leveraging unlabeled data to predict out-of-distribution performance"), where
labels of the source place it; the development pairs of docs/signals.md placed this one.

Fails as `confidence` does where a model is sure and wrong, and says little where nothing is a guess: a mean
over the tokens of a long answer hides the doubtful one. Few answers decide, so it wants many inputs.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal

BAR = 0.55
STEEPNESS = 12


def confidence_sigmoid(table: AnswerTable) -> NDArray[np.float64]:
    """An answer's confidence, brought to nearly 1 well above the bar and nearly 0 well below it."""
    assert table.confidence is not None
    raised = table.confidence**STEEPNESS
    return raised / (raised + BAR**STEEPNESS)


SIGNAL = Signal(
    confidence_sigmoid,
    summary="share of inputs answered better than by a guess: a soft bar on confidence, near .55",
    formula="1/N sum_x c_i(x)^12 / (c_i(x)^12 + .55^12)",
    cost="log-probabilities",
    needs=("confidence",),
    place=7,
)
