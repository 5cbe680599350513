"""The inputs of a search or an evaluation, in the forms in which people have them.

One reader a form, told by what is in a file; `opening` chooses it, `records` makes a question of what it
finds, `reading` draws and checks, `keeping` writes down what was in no file.
"""

from adamms.responses.inputs.example import Example
from adamms.responses.inputs.media import image_problem
from adamms.responses.inputs.reading import Inputs, read_inputs, sample, understand
from adamms.responses.inputs.source import InputSource, is_hub_name, parse_columns

__all__ = [
    "Example",
    "InputSource",
    "Inputs",
    "image_problem",
    "is_hub_name",
    "parse_columns",
    "read_inputs",
    "sample",
    "understand",
]
