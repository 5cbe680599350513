"""The streaming loop: every tensor of the base's layout, from the parents' files to the output's.

Workers take runs of blocks in file order, read, merge and write them where the header already says they go,
so reading, arithmetic and writing overlap and the result does not depend on who did what. Nothing larger
than a few blocks is ever in memory. Where a method must know something of a whole tensor, a worker takes the
tensor's blocks together and reads them once more.
"""

from collections.abc import Callable, Iterator
from threading import local
from typing import TYPE_CHECKING

import numpy as np

from adamms.errors import MergeError
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, blocks_of
from adamms.merging.draws import Draws
from adamms.merging.errands import BLOCKS_PER_ERRAND, errands_of, in_any_order
from adamms.merging.facts import model_facts, tensor_facts
from adamms.merging.merger import BlockMerger, Facts
from adamms.merging.method import Method
from adamms.merging.parents import Parents
from adamms.merging.stored import ITEMSIZES, count_nan
from adamms.merging.values import values_for

if TYPE_CHECKING:
    from adamms.checkpoints import CheckpointWriter, TensorInfo
    from adamms.merging.journal import Journal


def stream_merge(
    parents: Parents,
    *,
    method: Method,
    writer: "CheckpointWriter",
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    facts: Facts | None = None,
    draws: Draws | None = None,
    journal: "Journal | None" = None,
) -> None:
    """Merge every mapped tensor and copy every other, block by block, into `writer`.

    Args:
        parents: the models.
        method: the merge method with its settings.
        writer: where each output tensor goes.
        threads: workers; two by default, which is enough to overlap reading, arithmetic and writing.
        progress: called with the number of bytes written since the last call.
        facts: what `model_facts` found, where it was called before.
        draws: another source of random numbers; tests give a reference's masks this way.
        journal: which errands an interrupted merge has done, and where these are noted.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        CheckpointError: a shard ends before its header says it does.
        MachineError: the disk is full.
    """
    if facts is None:
        facts = model_facts(parents, method, threads=threads, draws=draws)
    known = facts
    # Before the threads: what it imports is imported once.
    values_for(parents, method)

    def run(worker: local, errand: tuple[int, list[Block]]) -> int:
        number, blocks = errand
        if not hasattr(worker, "writes"):
            merger = BlockMerger(parents, method, facts=known, draws=draws)
            worker.writes = _Worker(parents, method, merger, writer)
        written: int = worker.writes.run(blocks)
        if journal:
            journal.add(number, written)
        return written

    def remaining() -> Iterator[tuple[int, list[Block]]]:
        for number, blocks in enumerate(_errands(parents, method)):
            if journal is None or number not in journal.done:
                yield number, blocks
                continue
            for block in blocks:
                nbytes = block.count * _itemsize(writer.tensors[block.name])
                writer.written(block.name, nbytes)
                if progress:
                    progress(nbytes)

    try:
        for _, written in in_any_order(remaining(), run, threads=threads):
            if progress:
                progress(written)
    finally:
        if journal:
            journal.flush()


class _Worker:
    """What one thread holds: the readers' buffers and one output buffer."""

    def __init__(
        self, parents: Parents, method: Method, merger: BlockMerger, writer: "CheckpointWriter"
    ) -> None:
        self._base = parents.base
        self._method = method
        self._merger = merger
        self._writer = writer
        self._out = np.empty(BLOCK_ELEMENTS * 8, np.uint8)

    def run(self, blocks: list[Block]) -> int:
        """Merge blocks, all of one tensor if the method has passes over tensors; the bytes written."""
        facts = tensor_facts(self._merger, self._method, blocks)
        return sum(self._write(block, facts) for block in blocks)

    def _write(self, block: Block, facts: Facts) -> int:
        target, source = self._writer.tensors[block.name], self._base.tensors[block.name]
        itemsize = _itemsize(target)
        if block.count * itemsize > len(self._out):
            self._out = np.empty(block.count * itemsize, np.uint8)
        data = self._out[: block.count * itemsize]
        if not block.sources and target.dtype == source.dtype:
            # Untouched values travel as bytes, so integers and float8 survive bit for bit.
            self._base.read_into(block.name, data.data, start=block.start * itemsize)
            if source.dtype in ITEMSIZES:
                _refuse_nan(data, source)
        else:
            self._merger.merge(block, data, dtype=target.dtype, facts=facts)
        self._writer.write(block.name, data.data, start=block.start * itemsize)
        return len(data)


def _refuse_nan(data: np.ndarray, info: "TensorInfo") -> None:
    """Insist that values that stay the base's are numbers; an infinity may be meant, as in a stored mask."""
    bad = count_nan(data, info.dtype)
    if bad:
        raise MergeError(
            f"{info.name} in the base holds {bad} NaN values; the checkpoint is damaged, download or export "
            "it again."
        )


def _itemsize(info: "TensorInfo") -> int:
    return info.nbytes // info.numel


def _errands(parents: Parents, method: Method) -> Iterator[list[Block]]:
    tensors = parents.base.tensors.values()
    if method.passes_of("tensor"):
        for info in tensors:
            if of_tensor := list(blocks_of(info, parents, method)):
                yield of_tensor
        return
    blocks = (block for info in tensors for block in blocks_of(info, parents, method))
    yield from errands_of(blocks, BLOCKS_PER_ERRAND)
