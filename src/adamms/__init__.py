"""AdaMMS: merge multimodal LLMs that do not share an architecture, without labels.

The method is Adaptive Mapping, Merging and Searching (CVPR 2025, arXiv 2503.23733); each step is a folder.
Nothing heavy is imported until it is used: `import adamms` costs milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from adamms.version import __version__

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint as Checkpoint

__all__ = ["__version__"]


def __getattr__(name: str) -> object:
    """Import the public names where they live, when they are first asked for (PEP 562)."""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
