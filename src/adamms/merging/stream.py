"""The streaming loop: every tensor of the base's layout, from the parents' files to the output's.

Workers take runs of blocks in file order, read, merge and write them where the header already says they go,
so reading, arithmetic and writing overlap and the result does not depend on who did what. Nothing larger
than a few blocks is ever in memory.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import torch

from adamms.merging.blocks import BLOCK_ELEMENTS, TORCH_DTYPES, Block, BlockMerger, blocks_of

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint, CheckpointWriter
    from adamms.mapping import MappedDonor
    from adamms.merging.methods import Method

# A worker's errand: long enough that handing it out costs nothing, short enough to share the end evenly.
BLOCKS_PER_ERRAND = 8
DEFAULT_THREADS = 2


def stream_merge(
    base: "Checkpoint",
    donor: "Checkpoint",
    *,
    mapped: "MappedDonor",
    method: "Method",
    writer: "CheckpointWriter",
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Merge every mapped tensor and copy every other, block by block, into `writer`.

    Args:
        base: the model whose layout is written.
        donor: the model merged into it.
        mapped: the donor seen through the mapping.
        method: the merge method with its settings.
        writer: where each output tensor goes.
        threads: workers; two by default, which is enough to overlap reading, arithmetic and writing.
        progress: called with the number of bytes written since the last call.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        CheckpointError: a shard ends before its header says it does.
        MachineError: the disk is full.
    """
    local = threading.local()

    def run(blocks: list[Block]) -> int:
        if not hasattr(local, "worker"):
            local.worker = _Worker(base, donor, method, writer)
        return sum(local.worker.run(block) for block in blocks)

    errands = _errands(base, mapped)
    with _one_torch_thread(), ThreadPoolExecutor(threads or DEFAULT_THREADS, "adamms-merge") as pool:
        pending: set[Future[int]] = set()
        try:
            while True:
                room = 2 * (threads or DEFAULT_THREADS) - len(pending)
                pending |= {pool.submit(run, blocks) for blocks in islice(errands, room)}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                written = sum(future.result() for future in done)
                if progress:
                    progress(written)
        except BaseException:
            # A failure or Ctrl-C: let the blocks in flight end, start no more.
            pool.shutdown(cancel_futures=True)
            raise


class _Worker:
    """What one thread holds: the readers' buffers and one output buffer."""

    def __init__(
        self, base: "Checkpoint", donor: "Checkpoint", method: "Method", writer: "CheckpointWriter"
    ) -> None:
        self._base = base
        self._merger = BlockMerger(base, donor, method)
        self._writer = writer
        self._out = torch.empty(BLOCK_ELEMENTS * 8, dtype=torch.uint8)

    def run(self, block: Block) -> int:
        target, source = self._writer.tensors[block.name], self._base.tensors[block.name]
        itemsize = target.nbytes // target.numel
        data = self._out[: block.count * itemsize]
        raw = data.numpy().data
        if block.donor is None and target.dtype == source.dtype:
            # Untouched values travel as bytes, so integers and float8 survive bit for bit.
            self._base.read_into(block.name, raw, start=block.start * itemsize)
        else:
            self._merger.merge(block, data.view(TORCH_DTYPES[target.dtype]))
        self._writer.write(block.name, raw, start=block.start * itemsize)
        return len(raw)


def _errands(base: "Checkpoint", mapped: "MappedDonor") -> Iterator[list[Block]]:
    errand: list[Block] = []
    for info in base.tensors.values():
        for block in blocks_of(info, mapped):
            errand.append(block)
            if len(errand) == BLOCKS_PER_ERRAND:
                yield errand
                errand = []
    if errand:
        yield errand


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Our workers are the parallelism; torch's own pool would spin beside them on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
