"""What a method must know of a tensor, or of the whole model, before it merges: its passes, streamed.

Measures are added up block by block: counts in integers, so that no order matters; sums in float64 and in the
order of the file, so that the number of threads does not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from adamms.merging.backends import choose_backend
from adamms.merging.blocks import Block, blocks_of
from adamms.merging.draws import Draws
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.merger import BlockMerger, Statistics
from adamms.merging.method import Method, Reduction
from adamms.merging.thread_pool import BLOCKS_PER_TASK, unordered_map, work_items

if TYPE_CHECKING:
    from threading import local


def tensor_statistics(merger: BlockMerger, method: Method, blocks: Sequence[Block]) -> dict[str, Any]:
    """What the method's passes find in one tensor's blocks."""
    statistics: dict[str, Any] = {}
    mapped = [block for block in blocks if block.sources]
    if not mapped:
        return statistics
    for one in method.reductions_of("tensor"):
        if one.skip_if in statistics:
            continue
        total = merger.map_reduce(mapped, one, statistics=statistics)
        count = sum(block.count for block in mapped)
        statistics |= merger.finalize(mapped[0].name, one, total, count=count, statistics=statistics)
    return statistics


def model_statistics(
    parents: MergeInputs,
    method: Method,
    *,
    threads: int | None = None,
    draws: Draws | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """What the method's passes find in the whole model; nothing is read if it has none of that scope.

    Args:
        parents: the models.
        method: the method with its settings.
        threads: workers; two by default.
        draws: another source of random numbers, for tests.
        progress: called with the number of elements measured since the last call.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
    """
    statistics: dict[str, Any] = {}
    for one in method.reductions_of("model"):
        if one.skip_if in statistics:
            continue
        # Those that may be superfluous were not announced.
        said = None if one.skip_if else progress
        total, count = _measure(parents, method, one, statistics, threads=threads, draws=draws, progress=said)
        if total is not None:
            statistics |= BlockMerger(parents, method).finalize(
                None, one, total, count=count, statistics=statistics
            )
    return statistics


def elements_to_reduce(parents: MergeInputs, method: Method) -> int:
    """How many elements `model_statistics` will look at, all passes together that are needed for certain."""
    passes = [one for one in method.reductions_of("model") if not one.skip_if]
    return sum(block.count for one in passes for block in _mapped(parents, method, one))


def _mapped(parents: MergeInputs, method: Method, one: Reduction) -> Iterator[Block]:
    """The blocks that a pass over the model looks at."""
    tensors = parents.base.tensors.values()
    mapped = (block for info in tensors for block in blocks_of(info, parents, method) if block.sources)
    for block in islice(mapped, 0, None, one.sample):
        yield replace(block, count=-(-block.count // one.sample))


def _measure(
    parents: MergeInputs,
    method: Method,
    one: Reduction,
    statistics: Statistics,
    *,
    threads: int | None,
    draws: Draws | None,
    progress: Callable[[int], None] | None,
) -> tuple[np.ndarray | None, int]:
    def run(worker: "local", blocks: list[Block]) -> tuple[np.ndarray, int]:
        if not hasattr(worker, "merger"):
            worker.merger = BlockMerger(parents, method, draws=draws)
            worker.accumulated = None
        merger: BlockMerger = worker.merger
        measured = merger.map_reduce(blocks, one, statistics=statistics, accumulated=worker.accumulated)
        worker.accumulated = measured
        return measured, sum(block.count for block in blocks)

    # Before the threads: what it imports is imported once.
    choose_backend(parents, method)
    errands = work_items(_mapped(parents, method, one), BLOCKS_PER_TASK)
    counts: np.ndarray | None = None
    sums: dict[int, np.ndarray] = {}
    own: dict[int, np.ndarray] = {}
    count = 0
    for errand, (measured, done) in unordered_map(errands, run, threads=threads):
        count += done
        if measured.dtype.kind == "f":
            sums[errand] = measured
        elif one.accumulator:
            # One a thread, that it goes on adding to.
            own[id(measured)] = measured
        else:
            counts = measured if counts is None else np.add(counts, measured, out=counts)
        if progress:
            progress(done)
    if own:
        counts = _sum(own.values())
    return (_sum(sums[errand] for errand in sorted(sums)) if sums else counts), count


def _sum(measures: Iterable[np.ndarray]) -> np.ndarray:
    total: np.ndarray | None = None
    for measure in measures:
        total = measure if total is None else np.add(total, measure, out=total)
    assert total is not None
    return total
