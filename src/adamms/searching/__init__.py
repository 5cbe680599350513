"""Step 3 of the method: choose the coefficient by generation consistency, without labels (section 3.3).

Pure: from answers to a choice, with neither torch nor transformers. Answers come from `adamms.responses`; the
models that give them from `adamms.answering`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Imported when they are asked for.
FILES = {
    "AnswerTable": "answer_table",
    "CandidateScore": "selection",
    "Repeats": "selection",
    "Selection": "selection",
    "SignalScores": "side_by_side",
    "select": "choice",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
