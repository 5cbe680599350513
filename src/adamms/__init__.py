"""AdaMMS: merge multimodal LLMs that do not share an architecture, without labels.

The method is Adaptive Mapping, Merging and Searching (CVPR 2025, arXiv 2503.23733); each step is a folder.
Nothing heavy is imported until it is used: `import adamms` costs milliseconds.
"""

TYPE_CHECKING = False  # as type checkers know it; importing `typing` takes as long as all before it
if TYPE_CHECKING:
    from adamms.api import compare as compare
    from adamms.api import evaluate as evaluate
    from adamms.api import inspect as inspect
    from adamms.api import load as load
    from adamms.api import map_parameters as map_parameters
    from adamms.api import merge as merge
    from adamms.api import search as search
    from adamms.api import select as select
    from adamms.api import verify as verify
    from adamms.checkpoints import Checkpoint as Checkpoint
    from adamms.errors import AdaMMSError as AdaMMSError

__version__ = "0.1.0"

__all__ = [
    "AdaMMSError",
    "Checkpoint",
    "__version__",
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


def __getattr__(name: str) -> object:
    """Import a public name from where it lives when it is first asked for (PEP 562)."""
    from importlib import import_module

    elsewhere = {"AdaMMSError": "adamms.errors", "Checkpoint": "adamms.checkpoints"}
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(elsewhere.get(name, "adamms.api")), name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]
