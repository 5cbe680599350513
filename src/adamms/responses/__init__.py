"""What was asked and what was answered: inputs, responses, their files, and the logs of harnesses.

Reading answers needs neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.responses.candidates import format_alpha
    from adamms.responses.inputs import Example, read_inputs, sample
    from adamms.responses.parent_answers import (
        DonorAnswers,
        LineWriter,
        Opinion,
        donor_file,
        parent_line,
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
    "parent_line",
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

# Imported when they are asked for.
FILES = {
    "DonorAnswers": "parent_answers",
    "Example": "inputs",
    "LineWriter": "parent_answers",
    "Opinion": "parent_answers",
    "Response": "responses",
    "ResponseWriter": "responses",
    "Responses": "responses",
    "donor_file": "parent_answers",
    "format_alpha": "candidates",
    "parent_line": "parent_answers",
    "read_base_answers": "reading",
    "read_donor": "parent_answers",
    "read_donor_answers": "reading",
    "read_donors": "parent_answers",
    "read_inputs": "inputs",
    "read_opinions": "parent_answers",
    "read_responses": "reading",
    "response_file": "responses",
    "sample": "inputs",
    "searched_setting": "reading",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
