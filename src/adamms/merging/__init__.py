"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2).

What merges is imported from its modules by those who need it: `merging.stream` from disk to disk, in the
fused kernel or numpy, and `merging.tensors` into a live model, which alone brings torch with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.merging.merge_inputs import MappedCheckpoint, MergeInputs, check_merge, unmatched
    from adamms.merging.method import KernelParams, MergeMethod, Method
    from adamms.merging.methods import all_methods, find_method, make_method
    from adamms.merging.parameters import Parameter

__all__ = [
    "KernelParams",
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
    "KernelParams": "method",
    "Method": "method",
    "Parameter": "parameters",
    "all_methods": "methods",
    "check_merge": "merge_inputs",
    "find_method": "methods",
    "make_method": "methods",
    "unmatched": "merge_inputs",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
