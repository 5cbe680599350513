"""Models as users name them, `MODEL+ADAPTER` included: LoRA and DoRA folded into tensors while they are read.

open_model --> Checkpoint                      what lies on disk
               AdaptedModel(Checkpoint, Adapter)   the same names and shapes, other values
"""

from adamms.adapters.opening import open_model

__all__ = ["open_model"]
