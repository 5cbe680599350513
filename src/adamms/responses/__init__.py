"""What was asked and what was answered: inputs, responses, their files, and the logs of harnesses.

Reading answers needs neither torch nor transformers.
"""

from adamms.responses.candidates import format_alpha
from adamms.responses.inputs import Example, read_inputs, sample
from adamms.responses.reading import (
    read_base_answers,
    read_donor_answers,
    read_responses,
    searched_setting,
)
from adamms.responses.responses import Response, Responses, ResponseWriter, response_file

__all__ = [
    "Example",
    "Response",
    "ResponseWriter",
    "Responses",
    "format_alpha",
    "read_base_answers",
    "read_donor_answers",
    "read_inputs",
    "read_responses",
    "response_file",
    "sample",
    "searched_setting",
]
