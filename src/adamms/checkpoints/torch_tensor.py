"""Where bytes become a torch tensor: the one place of `checkpoints` that knows torch, and imports it late."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adamms.checkpoints.tensor_info import DTYPE_BITS, TORCH_NAMES, TensorInfo
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor as Tensor


def torch_tensor(
    info: TensorInfo,
    memory: Any,
    *,
    source: str,
    start: int = 0,
    elements: int | None = None,
    strides: Sequence[int] | None = None,
) -> "Tensor":
    """A tensor over writable memory, which it keeps alive.

    Args:
        info: its shape and dtype.
        memory: what holds its bytes; a buffer.
        source: the model, for messages.
        start: where in the memory it begins, in bytes.
        elements: how many elements its strides span, where it is strided.
        strides: of an element, where it is strided.

    Raises:
        CheckpointError: torch has no such dtype.
    """
    import torch

    dtype = getattr(torch, TORCH_NAMES.get(info.dtype, ""), None)
    if dtype is None:
        raise CheckpointError(
            f"{info.name} in {source} is stored as {info.dtype}, which this torch does not have."
        )
    if info.numel == 0:
        return torch.empty(info.shape, dtype=dtype)
    count, itemsize = elements or info.numel, DTYPE_BITS[info.dtype] // 8
    if start % itemsize == 0:
        flat = torch.frombuffer(memory, dtype=dtype, count=count, offset=start)
    else:
        # A file that does not align its tensors: torch cannot look at such bytes in place.
        raw = torch.frombuffer(memory, dtype=torch.uint8, count=count * itemsize, offset=start)
        flat = raw.clone().view(dtype)
    return flat.view(info.shape) if strides is None else flat.as_strided(info.shape, strides)
