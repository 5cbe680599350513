"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2).

The names here are light. What does the arithmetic brings torch with it and is imported from its modules
(`merging.stream`, `merging.tensors`) by those who need it.
"""

from adamms.merging.merge_inputs import MappedCheckpoint, MergeInputs
from adamms.merging.method import MergeMethod, Method, Parameter
from adamms.merging.methods import all_methods, find_method, make_method
from adamms.merging.suitability import check_merge, unmatched

__all__ = [
    "MappedCheckpoint",
    "MergeInputs",
    "MergeMethod",
    "Method",
    "Parameter",
    "all_methods",
    "check_merge",
    "find_method",
    "make_method",
    "unmatched",
]
