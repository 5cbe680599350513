"""Step 3 of the method: choose the coefficient by generation consistency, without labels (section 3.3).

Pure: from answers to a choice, with neither torch nor transformers. Answers come from `adamms.responses`; the
models that give them from `adamms.answering`.
"""

from adamms.searching.answer_table import AnswerTable
from adamms.searching.choice import select
from adamms.searching.selection import CandidateScore, Repeats, Selection
from adamms.searching.side_by_side import SignalScores

__all__ = [
    "AnswerTable",
    "CandidateScore",
    "Repeats",
    "Selection",
    "SignalScores",
    "select",
]
