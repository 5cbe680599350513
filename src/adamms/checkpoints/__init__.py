"""What lies on disk: lazy readers, an atomic writer, auxiliary files, hub ids.

Opening a checkpoint reads headers and never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.checkpoints.checkpoint import Checkpoint
    from adamms.checkpoints.output import OutputFolder
    from adamms.checkpoints.tensor_info import TensorInfo
    from adamms.checkpoints.tensor_source import TensorSource
    from adamms.checkpoints.writer import CheckpointWriter

__all__ = [
    "Checkpoint",
    "CheckpointWriter",
    "OutputFolder",
    "TensorInfo",
    "TensorSource",
]

# Imported when they are asked for: reading headers has no use for what writes, mapping none for reports.
FILES = {
    "Checkpoint": "checkpoint",
    "CheckpointWriter": "writer",
    "OutputFolder": "output",
    "TensorInfo": "tensor_info",
    "TensorSource": "tensor_source",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
