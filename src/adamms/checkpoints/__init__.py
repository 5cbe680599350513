"""What lies on disk: lazy readers, an atomic writer, auxiliary files, hub ids.

Opening a checkpoint reads headers and never imports torch.
"""

from adamms.checkpoints.checkpoint import Checkpoint
from adamms.checkpoints.output import OutputFolder
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.tensor_source import TensorSource
from adamms.checkpoints.writer import CheckpointWriter

__all__ = ["Checkpoint", "CheckpointWriter", "OutputFolder", "TensorInfo", "TensorSource"]
