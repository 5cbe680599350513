"""Blocks: runs of consecutive elements of one base tensor, where the other parents have them, and reading
them.

What is read, merged and written at a time. A block's sources are runs of consecutive elements too, or the
base alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from adamms.errors import MergeError
from adamms.merging.dtypes import ITEMSIZES, LARGEST, NAMES, RawTensor, count_not_finite, floating_dtype
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import Method

if TYPE_CHECKING:
    import torch

    from adamms.checkpoints import TensorInfo, TensorSource
    from adamms.merging.draws import Draws

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


@dataclass(frozen=True)
class RawBlock:
    """The values of one block as the parents store them.

    Attributes:
        models: the base's and the donors', flat, of as many elements.
        pretrained: the ancestor's, where the method reads it.
        draws: random int16 numbers, an array a model, for a method that draws.
        width: elements a row.
        double: whether the base is stored as float64, and computed with so.
    """

    models: list[RawTensor]
    pretrained: RawTensor | None
    draws: list[np.ndarray]
    width: int
    double: bool


class ParentStore(Protocol):
    """Parents that are read through memory of some device."""

    device: "torch.device"
    on_cpu: bool
    """Whether it gives numpy arrays; uint8 tensors on the device otherwise."""
    block_elements: int
    """As many at a time as are merged best."""
    readers: int
    """Threads that keep it busy."""

    def read(self, source: "TensorSource", name: str, start: int, count: int) -> RawTensor:
        """So many elements as they are stored, or before rounding where an adapter changes them; not to be
        written to."""


def row_width(info: "TensorInfo") -> int:
    """Elements a row; a tensor of one dimension is one row."""
    return max(prod(info.shape[1:]) if len(info.shape) > 1 else info.numel, 1)


def blocks_of(
    info: "TensorInfo", inputs: MergeInputs, method: Method, *, size: int = BLOCK_ELEMENTS
) -> Iterator[Block]:
    """Cut one base tensor into blocks of about `size` elements at most, in order, without gaps.

    Where the method needs whole rows a block holds whole rows, and one at least.
    """
    width = prod(info.shape[1:])
    if method.by_rows:
        row = row_width(info)
        size = max(size - size % row, row)
    position = 0
    for span in inputs.row_spans(info.name, method):
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


class BlockReader:
    """Reads blocks of all parents, for one thread."""

    def __init__(
        self,
        inputs: MergeInputs,
        method: Method,
        *,
        draws: "Draws | None" = None,
        store: ParentStore | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            inputs: the models.
            method: the method, which says what is read.
            draws: another source of random numbers, for tests.
            store: where the parents are read from; their files, in main memory, where it is left out.
        """
        self.inputs = inputs
        self._by_rows = method.by_rows
        self._donors = len(inputs.donors)
        self._base = _ParentReader(inputs.base, "base", store)
        roles = [f"donor {at + 1}" if self._donors > 1 else "donor" for at in range(self._donors)]
        self._others = [
            _ParentReader(view.checkpoint, role, store)
            for view, role in zip(inputs.views_for(method), [*roles, "pretrained model"], strict=False)
        ]
        self._draws: Draws | None = None
        if "seed" in method.settings:
            from adamms.merging.draws import SeededDraws

            self._draws = draws or SeededDraws(method.settings["seed"])

    def read(self, block: Block) -> RawBlock:
        """A block that has sources; its memory is good until the next is read.

        A donor that lacks these rows while another has them counts as unchanged: it has the ancestor's
        values, or the base's where there is no ancestor.

        Raises:
            MergeError: a tensor cannot be interpolated.
        """
        base = self.base(block)
        others = [
            source and parent.read(*source, block.count)
            for parent, source in zip(self._others, block.sources, strict=True)
        ]
        pretrained = others[self._donors] if len(others) > self._donors else None
        models = [base, *(donor or pretrained or base for donor in others[: self._donors])]
        width = row_width(self.inputs.base.tensors[block.name])
        return RawBlock(
            models=models,
            pretrained=pretrained,
            draws=self._drawn(block, len(models)),
            # A part of a one-dimensional tensor, such as one bias of several in one, is a row of its own.
            width=min(width, block.count) if self._by_rows else width,
            double=self.double(block),
        )

    def base(self, block: Block) -> RawTensor:
        """The base's own values of a block."""
        return self._base.read(block.name, block.start, block.count)

    def double(self, block: Block) -> bool:
        """Whether the base stores a block's tensor as float64."""
        return self.inputs.base.tensors[block.name].dtype == "F64"

    def _drawn(self, block: Block, models: int) -> list[np.ndarray]:
        if self._draws is None:
            return []
        drawn = (self._draws.draw(block.name, model, block.start, block.count) for model in range(models))
        return [np.ascontiguousarray(numbers, np.int16) for numbers in drawn]

    def fault(self, block: Block, dtype: str) -> MergeError:
        """What to say of a block whose values, merged and stored as `dtype`, are not all in range."""
        parents = (self._base, *self._others)
        for parent, source in zip(parents, ((block.name, block.start), *block.sources), strict=False):
            if source is None or not count_not_finite(*on_cpu(parent.read(*source, block.count))):
                continue
            # The whole tensor is counted: a block's place says nothing to people.
            bad = parent.count_not_finite(source[0])
            return MergeError(
                f"{source[0]} in the {parent.role} holds {bad} NaN or infinite values; the checkpoint "
                "is damaged, download or export it again."
            )
        return MergeError(
            f"The merged {block.name} exceeds the largest {NAMES[dtype]} value ({LARGEST[dtype]:.4g}); "
            "store the output wider, for example with --dtype bfloat16."
        )


def on_cpu(values: RawTensor) -> RawTensor:
    """Stored values where numpy reads them."""
    return RawTensor(np.asarray(values.raw.cpu() if hasattr(values.raw, "cpu") else values.raw), values.dtype)


class _ParentReader:
    """One parent's values, in memory that is kept.

    Fresh megabytes for every block would cost more than the arithmetic (the allocator returns them to the
    system each time).
    """

    def __init__(self, source: "TensorSource", role: str, store: ParentStore | None) -> None:
        self.role = role
        self._store = store
        self._source = source
        self._buffer = np.empty(0, np.uint8)

    def read(self, name: str, start: int, count: int) -> RawTensor:
        """So many elements as they are stored; on the device where they are held."""
        if self._store is not None:
            return self._store.read(self._source, name, start, count)
        floating_dtype(self._source.tensors[name], self._source.source)
        # Wider than stored where an adapter is folded in: rounded at the end, with the rest, and not before.
        dtype = self._source.exact_dtype(name)
        nbytes = count * ITEMSIZES[dtype]
        if len(self._buffer) < nbytes:
            self._buffer = np.empty(nbytes, np.uint8)
        raw = self._buffer[:nbytes]
        self._source.read_exact(name, raw.data, start=start)
        return RawTensor(raw, dtype)

    def count_not_finite(self, name: str) -> int:
        """How many of a whole tensor's values are NaN or infinite."""
        numel = self._source.tensors[name].numel
        runs = ((start, min(BLOCK_ELEMENTS, numel - start)) for start in range(0, numel, BLOCK_ELEMENTS))
        return sum(count_not_finite(*on_cpu(self.read(name, *run))) for run in runs)
