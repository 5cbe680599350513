"""One tensor, block by block: read both parents' values, merge in float32, round once.

Every merged value of the tool comes out of `merge_block`, whether it is written to disk or moved into a
live model, so the two are equal bit for bit. A block is a run of consecutive elements of one base tensor
that has one source: a run of consecutive elements of one donor tensor, or the base alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch

from adamms.errors import MergeError

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint, TensorInfo
    from adamms.mapping import MappedDonor
    from adamms.merging.methods import Method

# 256 K elements: two float32 operands and the result stay in a core's cache.
BLOCK_ELEMENTS = 1 << 18

TORCH_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}


@dataclass(frozen=True)
class Block:
    """A run of elements of one base tensor and where the donor's values for it lie.

    `start` and `donor_start` count elements from the start of their tensors (row-major); `donor` is the
    donor tensor's name, or None where the base's own values stay.
    """

    name: str
    start: int
    count: int
    donor: str | None = None
    donor_start: int = 0


def blocks_of(info: "TensorInfo", donor: "MappedDonor", *, size: int = BLOCK_ELEMENTS) -> Iterator[Block]:
    """Cut one base tensor into blocks of at most `size` elements, in order, without gaps."""
    width = prod(info.shape[1:])
    position = 0
    for piece in donor.pieces(info.name):
        start, stop = piece.base_rows[0] * width, piece.base_rows[1] * width
        yield from _runs(Block(info.name, position, start - position), size)
        yield from _runs(
            Block(info.name, start, stop - start, piece.donor, piece.donor_rows[0] * width), size
        )
        position = stop
    yield from _runs(Block(info.name, position, prod(info.shape) - position), size)


def _runs(block: Block, size: int) -> Iterator[Block]:
    for offset in range(0, block.count, size):
        yield Block(
            block.name,
            block.start + offset,
            min(size, block.count - offset),
            block.donor,
            block.donor_start + offset,
        )


class BlockMerger:
    """Merges blocks of a pair of checkpoints; holds the few buffers that one thread reuses.

    Peak memory is a handful of blocks, whatever the size of the model.
    """

    def __init__(self, base: "Checkpoint", donor: "Checkpoint", method: "Method") -> None:
        self._base = _Operand(base)
        self._donor = _Operand(donor)
        self._method = method

    def merge(self, block: Block, out: torch.Tensor) -> None:
        """Write a block's values into `out` (its dtype is the output's; `block.count` elements).

        Raises:
            MergeError: a source holds NaN or infinity, or the result does not fit the output's dtype.
        """
        base = self._base.read(block.name, block.start, block.count)
        if block.donor is None:
            out.copy_(base)
            return
        donor = self._donor.read(block.donor, block.donor_start, block.count)
        exact = torch.float64 if base.dtype == torch.float64 else torch.float32
        merged = self._method.function(
            self._base.widened(base, exact), self._donor.widened(donor, exact), **self._method.settings
        )
        low, high = torch.aminmax(merged)
        limit = torch.finfo(out.dtype).max
        # Written so that NaN, which compares false with everything, is caught as well.
        if not (low >= -limit and high <= limit):
            raise MergeError(_explain(block, base=base, donor=donor, limit=limit, out=out.dtype))
        out.copy_(merged)


class _Operand:
    """One parent's values: bytes as stored and their widened copy, both in memory that is kept.

    Fresh megabytes for every block would cost more than the arithmetic (the allocator returns them to the
    system each time).
    """

    def __init__(self, source: "Checkpoint") -> None:
        self._source = source
        self._stored = torch.empty(0, dtype=torch.uint8)
        self._widened = torch.empty(0, dtype=torch.uint8)

    def read(self, name: str, start: int, count: int) -> torch.Tensor:
        dtype = torch_dtype(self._source.tensors[name], self._source.source)
        self._stored = _at_least(self._stored, count * dtype.itemsize)
        raw = self._stored[: count * dtype.itemsize]
        self._source.read_into(name, raw.numpy().data, start=start * dtype.itemsize)
        return raw.view(dtype)

    def widened(self, values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        self._widened = _at_least(self._widened, values.numel() * dtype.itemsize)
        return self._widened[: values.numel() * dtype.itemsize].view(dtype).copy_(values)


def _at_least(buffer: torch.Tensor, nbytes: int) -> torch.Tensor:
    return buffer if len(buffer) >= nbytes else torch.empty(nbytes, dtype=torch.uint8)


def torch_dtype(info: "TensorInfo", source: str) -> torch.dtype:
    """The torch dtype of a tensor that takes part in arithmetic.

    Raises:
        MergeError: the tensor is stored as integers or float8, which cannot be interpolated.
    """
    try:
        return TORCH_DTYPES[info.dtype]
    except KeyError:
        raise MergeError(
            f"{info.name} in {source} is stored as {info.dtype}, which cannot be interpolated; "
            "merge an unquantised copy of the model (bfloat16, float16 or float32)."
        ) from None


def _explain(block: Block, *, base: torch.Tensor, donor: torch.Tensor, limit: float, out: torch.dtype) -> str:
    for side, name, values in (("base", block.name, base), ("donor", str(block.donor), donor)):
        bad = int((~torch.isfinite(values)).sum())
        if bad:
            return (
                f"{name} in the {side} holds {bad} NaN or infinite values "
                f"in elements {block.start}-{block.start + block.count}; the checkpoint is damaged, "
                "download or export it again."
            )
    return (
        f"The merged {block.name} exceeds the largest {str(out).removeprefix('torch.')} value ({limit:.4g}); "
        "store the output wider, for example with --dtype bfloat16."
    )
