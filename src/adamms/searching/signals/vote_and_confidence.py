"""The share of the votes for an answer, plus the candidate's own confidence in it.

The two halves fail in different places: a vote is lost where few candidates know, confidence where a model is
sure and wrong. Votes are confidence^16, as in the weighted vote, but a narrow majority counts as narrow.
docs/signals.md tells where it was chosen and how it fares elsewhere.
"""

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.signal import Signal
from adamms.searching.signals.weighted_vote import POWER


def vote_and_confidence(table: AnswerTable) -> NDArray[np.float64]:
    """The share of the votes for its answer, 0 where nobody votes, plus its confidence."""
    assert table.confidence is not None
    weights = table.confidence**POWER
    cast = np.where(np.isnan(weights) | ~table.sound[:, None], 0.0, weights).sum(axis=0)
    votes = table.votes(weights)
    share = np.divide(votes, cast, out=np.zeros_like(votes), where=cast > 0)
    return share + table.confidence


SIGNAL = Signal(
    vote_and_confidence,
    summary="share of the votes (confidence^16) for its answers, plus own confidence",
    formula="1/N sum_x [sum_{j: G_j(x) = G_i(x)} c_j(x)^16 / sum_j c_j(x)^16] + c_i(x)",
    cost="log-probabilities",
    needs=("confidence",),
    reads="all",
    place=5,
)
