"""AdaMMS: merge multimodal LLMs that do not share an architecture, without labels.

The method is Adaptive Mapping, Merging and Searching (CVPR 2025, arXiv 2503.23733); each step is a folder.
Nothing heavy is imported until it is used: `import adamms` costs milliseconds.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adamms.api import merge as merge
    from adamms.api import search as search
    from adamms.checkpoints import Checkpoint as Checkpoint
    from adamms.mapping import map_parameters as map_parameters

__version__ = "0.1.0"

__all__ = ["Checkpoint", "__version__", "map_parameters", "merge", "search"]


def __getattr__(name: str) -> object:
    """Import a public name from where it lives when it is first asked for (PEP 562)."""
    from importlib import import_module

    homes = {
        "Checkpoint": "adamms.checkpoints",
        "map_parameters": "adamms.mapping",
        "merge": "adamms.api",
        "search": "adamms.api",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(homes[name]), name)
