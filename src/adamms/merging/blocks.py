"""Blocks: runs of consecutive elements of one base tensor, and where the other parents have them.

What is read, merged and written at a time. A block's sources are runs of consecutive elements too, or the
base alone. Nothing is read here but headers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import Method

if TYPE_CHECKING:
    from adamms.checkpoints import TensorInfo

# 256 K elements: small enough for a core's cache with several operands, large enough that what a block costs
# beside its arithmetic does not show. The results do not depend on it.
BLOCK_ELEMENTS = 1 << 18


@dataclass(frozen=True)
class Block:
    """A run of elements of one base tensor and where the other parents' values for it lie.

    `start` counts elements from the start of the tensor (row-major). `sources` holds, for every donor and for
    the ancestor if the method reads it, a tensor's name and the first element, or None where it has none; it
    is empty where the base's own values stay.
    """

    name: str
    start: int
    count: int
    sources: tuple[tuple[str, int] | None, ...] = ()


def row_width(info: "TensorInfo") -> int:
    """Elements a row; a tensor of one dimension is one row."""
    return max(prod(info.shape[1:]) if len(info.shape) > 1 else info.numel, 1)


def blocks_of(
    info: "TensorInfo", parents: MergeInputs, method: Method, *, size: int = BLOCK_ELEMENTS
) -> Iterator[Block]:
    """Cut one base tensor into blocks of about `size` elements at most, in order, without gaps.

    Where the method needs whole rows a block holds whole rows, and one at least.
    """
    width = prod(info.shape[1:])
    if method.by_rows:
        whole = row_width(info)
        size = max(size - size % whole, whole)
    position = 0
    for span in parents.row_spans(info.name, method):
        start, stop = span.start * width, span.stop * width
        yield from _cut(Block(info.name, position, start - position), size)
        sources = tuple(source and (source[0], source[1] * width) for source in span.sources)
        yield from _cut(Block(info.name, start, stop - start, sources), size)
        position = stop
    yield from _cut(Block(info.name, position, prod(info.shape) - position), size)


def _cut(block: Block, size: int) -> Iterator[Block]:
    for offset in range(0, block.count, size):
        yield Block(
            block.name,
            block.start + offset,
            min(size, block.count - offset),
            tuple(source and (source[0], source[1] + offset) for source in block.sources),
        )
