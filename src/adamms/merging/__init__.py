"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2).

The names here are light. What does the arithmetic brings torch with it and is imported from its modules
(`merging.stream`, `merging.tensors`) by those who need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Imported when they are asked for.
FILES = {
    "MappedCheckpoint": "merge_inputs",
    "MergeInputs": "merge_inputs",
    "MergeMethod": "method",
    "Method": "method",
    "Parameter": "method",
    "all_methods": "methods",
    "check_merge": "suitability",
    "find_method": "methods",
    "make_method": "methods",
    "unmatched": "suitability",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
