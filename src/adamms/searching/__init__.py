"""Step 3 of the method: choose the coefficient by generation consistency, without labels (section 3.3).

The names here are light: reading inputs and answers and choosing from them needs neither torch nor
transformers. The engine that generates answers is imported from its modules (`searching.sweep`) by those who
need it.
"""

from adamms.searching.candidates import format_alpha, parse_alphas
from adamms.searching.inputs import Example, read_inputs, sample
from adamms.searching.reading import read_responses
from adamms.searching.responses import Response, Responses, ResponseWriter, response_file
from adamms.searching.selection import Candidate, Selection, select

__all__ = [
    "Candidate",
    "Example",
    "Response",
    "ResponseWriter",
    "Responses",
    "Selection",
    "format_alpha",
    "parse_alphas",
    "read_inputs",
    "read_responses",
    "response_file",
    "sample",
    "select",
]
