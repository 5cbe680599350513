"""Step 3 of the method: choose the coefficient by generation consistency, without labels (section 3.3).

The names here are light: reading inputs and answers and choosing from them needs neither torch nor
transformers. The engine that generates answers is imported from its modules (`searching.sweep`) by those who
need it.
"""

from adamms.searching.answer_table import AnswerTable
from adamms.searching.candidates import format_alpha, parse_alphas, parse_values
from adamms.searching.inputs import Example, read_inputs, sample
from adamms.searching.racing import Race, Racing
from adamms.searching.reading import (
    read_base_answers,
    read_donor_answers,
    read_log_probabilities,
    read_racing,
    read_responses,
    searched_setting,
)
from adamms.searching.responses import Response, Responses, ResponseWriter, response_file
from adamms.searching.selection import Candidate, Repeats, Selection, select
from adamms.searching.side_by_side import SignalScores

__all__ = [
    "AnswerTable",
    "Candidate",
    "Example",
    "Race",
    "Racing",
    "Repeats",
    "Response",
    "ResponseWriter",
    "Responses",
    "Selection",
    "SignalScores",
    "format_alpha",
    "parse_alphas",
    "parse_values",
    "read_base_answers",
    "read_donor_answers",
    "read_inputs",
    "read_log_probabilities",
    "read_racing",
    "read_responses",
    "response_file",
    "sample",
    "searched_setting",
    "select",
]
