"""Merging on a live model's device, in torch; for methods that look at single elements only.

The steps are torch's own, one pass over the device's memory each; the bits are those of the CPU. Methods that
draw, sum up or work on rows are computed on the CPU (`parent_store.elementwise`).
"""

import torch

from adamms.merging.backends import Backend
from adamms.merging.blocks import RawBlock
from adamms.merging.dtypes import LARGEST, RawTensor
from adamms.merging.method import BoundMethod

TORCH_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}


class TorchDeviceBackend(Backend):
    """As `Backend` says, where bytes are uint8 tensors on a device and stay there."""

    def merge(self, block: RawBlock, method: BoundMethod, out: RawTensor) -> torch.Tensor:
        """As `Backend` says."""
        merged = method(
            models=[_widened(raw, double=block.double) for raw in block.models],
            pretrained=block.pretrained and _widened(block.pretrained, double=block.double),
            draws=block.draws,
            width=block.width,
        )
        low, high = torch.aminmax(merged)
        largest = LARGEST[out.dtype]
        _stored(out).copy_(merged)
        return (low >= -largest) & (high <= largest)

    def convert(self, values: RawTensor, out: RawTensor, *, double: bool) -> torch.Tensor:
        """As `Backend` says."""
        wide = _widened(values, double=double)
        _stored(out).copy_(wide)
        return ((wide.abs() <= LARGEST[out.dtype]) | wide.isinf()).all()


def _widened(values: RawTensor, *, double: bool) -> torch.Tensor:
    """A copy in float32 or float64, as what is held is not a method's to change."""
    return _stored(values).to(torch.float64 if double else torch.float32, copy=True)


def _stored(values: RawTensor) -> torch.Tensor:
    """The bytes as what they are."""
    raw: torch.Tensor = values.raw
    return raw.view(TORCH_DTYPES[values.dtype])
