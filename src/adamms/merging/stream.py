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
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, BlockReader, blocks_of
from adamms.merging.dtypes import ITEMSIZES, count_nan
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.merger import BlockMerger, Statistics
from adamms.merging.method import Method
from adamms.merging.thread_pool import BLOCKS_PER_TASK, unordered_map, work_items

if TYPE_CHECKING:
    from adamms.checkpoints import CheckpointWriter, TensorInfo
    from adamms.merging.draws import Draws
    from adamms.merging.journal import Journal


def stream_merge(
    inputs: MergeInputs,
    *,
    method: Method,
    writer: "CheckpointWriter",
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    statistics: Statistics | None = None,
    draws: "Draws | None" = None,
    journal: "Journal | None" = None,
) -> None:
    """Merge every mapped tensor and copy every other, block by block, into `writer`.

    Args:
        inputs: the models.
        method: the merge method with its settings.
        writer: where each output tensor goes.
        threads: workers; two by default, which is enough to overlap reading, arithmetic and writing.
        progress: called with the number of bytes written since the last call.
        statistics: what `model_statistics` found, where it was called before.
        draws: another source of random numbers; tests give a reference's masks this way.
        journal: which tasks an interrupted merge has done, and where these are noted.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        CheckpointError: a shard ends before its header says it does.
        MachineError: the disk is full.
    """
    if statistics is None and method.reductions_of("model"):
        # Late: most methods know nothing beforehand.
        from adamms.merging.statistics import model_statistics

        statistics = model_statistics(inputs, method, threads=threads, draws=draws)
    known = statistics or {}

    def run(worker: local, task: tuple[int, list[Block]]) -> int:
        number, blocks = task
        if not hasattr(worker, "writes"):
            reader = BlockReader(inputs, method, draws=draws)
            worker.writes = _Worker(reader, method, known, writer)
        written: int = worker.writes.run(blocks)
        if journal:
            journal.add(number, written)
        return written

    def remaining() -> Iterator[tuple[int, list[Block]]]:
        for number, blocks in enumerate(_tasks(inputs, method)):
            if journal is None or number not in journal.done:
                yield number, blocks
                continue
            for block in blocks:
                nbytes = block.count * _itemsize(writer.tensors[block.name])
                writer.written(block.name, nbytes)
                if progress:
                    progress(nbytes)

    try:
        for _, written in unordered_map(remaining(), run, threads=threads):
            if progress:
                progress(written)
    finally:
        if journal:
            journal.flush()


class _Worker:
    """What one thread holds: the readers' buffers and one output buffer."""

    def __init__(
        self, reader: BlockReader, method: Method, statistics: Statistics, writer: "CheckpointWriter"
    ) -> None:
        self._base = reader.inputs.base
        self._merger = BlockMerger(reader, method, statistics=statistics)
        self._writer = writer
        self._out = np.empty(BLOCK_ELEMENTS * 8, np.uint8)
        self._reducer = None
        if method.reductions_of("tensor"):
            from adamms.merging.statistics import Reducer

            self._reducer = Reducer(reader, method, statistics=statistics)

    def run(self, blocks: list[Block]) -> int:
        """Merge blocks, all of one tensor if the method has reductions over tensors; the bytes written."""
        statistics = self._reducer.tensor_statistics(blocks) if self._reducer else {}
        return sum(self._write(block, statistics) for block in blocks)

    def _write(self, block: Block, statistics: Statistics) -> int:
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
            dtype = target.dtype
            if not self._merger.merge(block, data, dtype=dtype, statistics=statistics):
                raise self._merger.fault(block, dtype)
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


def _tasks(inputs: MergeInputs, method: Method) -> Iterator[list[Block]]:
    tensors = inputs.base.tensors.values()
    if method.reductions_of("tensor"):
        for info in tensors:
            if of_tensor := list(blocks_of(info, inputs, method)):
                yield of_tensor
        return
    blocks = (block for info in tensors for block in blocks_of(info, inputs, method))
    yield from work_items(blocks, BLOCKS_PER_TASK)
