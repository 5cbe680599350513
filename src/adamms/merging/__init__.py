"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2).

The names here are light. What does the arithmetic brings torch with it and is imported from its modules
(`merging.stream`, `merging.tensors`) by those who need it.
"""

from adamms.merging.method import MergeMethod, Method, Setting
from adamms.merging.methods import all_methods, find_method, make_method
from adamms.merging.parents import Parents, View
from adamms.merging.suitability import check_merge, unmatched

__all__ = [
    "MergeMethod",
    "Method",
    "Parents",
    "Setting",
    "View",
    "all_methods",
    "check_merge",
    "find_method",
    "make_method",
    "unmatched",
]
