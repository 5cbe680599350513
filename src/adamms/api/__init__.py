"""The Python functions, a file a group: each makes what the verb of its name does, with plain arguments.

    import adamms
    result = adamms.search(base, donor, "questions.jsonl", "run")

They show a bar in a terminal or a notebook and raise `AdaMMSError`, whose messages name parameters.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.api.judging import compare, evaluate, verify
    from adamms.api.loading import AnsweringModel, load
    from adamms.api.merging import inspect, map_parameters, merge
    from adamms.api.scores import Scores
    from adamms.api.searching import search, select

__all__ = [
    "AnsweringModel",
    "Scores",
    "compare",
    "evaluate",
    "inspect",
    "load",
    "map_parameters",
    "merge",
    "search",
    "select",
    "verify",
]

# Imported when they are asked for.
FILES = {
    "AnsweringModel": "loading",
    "Scores": "scores",
    "compare": "judging",
    "evaluate": "judging",
    "inspect": "merging",
    "load": "loading",
    "map_parameters": "merging",
    "merge": "merging",
    "search": "searching",
    "select": "searching",
    "verify": "judging",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
