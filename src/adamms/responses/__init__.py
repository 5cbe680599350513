"""What was asked and what was answered: inputs, responses, their files, and the logs of harnesses.

Reading answers needs neither torch nor transformers.
"""

from adamms.responses.candidates import format_alpha
from adamms.responses.inputs import Example, read_inputs, sample
from adamms.responses.parent_answers import (
    DonorAnswers,
    LineWriter,
    Opinion,
    donor_file,
    read_donor,
    read_donors,
    read_opinions,
)
from adamms.responses.reading import (
    read_base_answers,
    read_donor_answers,
    read_responses,
    searched_setting,
)
from adamms.responses.responses import Response, Responses, ResponseWriter, response_file

__all__ = [
    "DonorAnswers",
    "Example",
    "LineWriter",
    "Opinion",
    "Response",
    "ResponseWriter",
    "Responses",
    "donor_file",
    "format_alpha",
    "read_base_answers",
    "read_donor",
    "read_donor_answers",
    "read_donors",
    "read_inputs",
    "read_opinions",
    "read_responses",
    "response_file",
    "sample",
    "searched_setting",
]
