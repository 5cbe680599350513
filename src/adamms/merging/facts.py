"""What a method must know of a tensor, or of the whole model, before it merges: its passes, streamed.

Measures are added up block by block: counts in integers, so that no order matters; sums in float64 and in the
order of the file, so that the number of threads does not.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from adamms.merging.blocks import Block, BlockMerger, Facts, blocks_of
from adamms.merging.draws import Draws
from adamms.merging.errands import BLOCKS_PER_ERRAND, errands_of, in_any_order
from adamms.merging.method import Method, Pass
from adamms.merging.parents import Parents

if TYPE_CHECKING:
    from threading import local


def tensor_facts(merger: BlockMerger, method: Method, blocks: Sequence[Block]) -> dict[str, Any]:
    """What the method's passes find in one tensor's blocks."""
    facts: dict[str, Any] = {}
    mapped = [block for block in blocks if block.sources]
    if not mapped:
        return facts
    for one in method.passes_of("tensor"):
        total = _sum(merger.measure(block, one, facts=facts) for block in mapped)
        count = sum(block.count for block in mapped)
        facts |= merger.conclude(mapped[0].name, one, total, count=count, facts=facts)
    return facts


def model_facts(
    parents: Parents,
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
    facts: dict[str, Any] = {}
    for one in method.passes_of("model"):
        total, count = _measure(parents, method, one, facts, threads=threads, draws=draws, progress=progress)
        if total is not None:
            facts |= BlockMerger(parents, method).conclude(None, one, total, count=count, facts=facts)
    return facts


def elements_to_measure(parents: Parents, method: Method) -> int:
    """How many elements `model_facts` will look at, all passes together."""
    passes = len(method.passes_of("model"))
    if not passes:
        return 0
    blocks = (block for info in parents.base.tensors.values() for block in blocks_of(info, parents, method))
    return passes * sum(block.count for block in blocks if block.sources)


def _measure(
    parents: Parents,
    method: Method,
    one: Pass,
    facts: Facts,
    *,
    threads: int | None,
    draws: Draws | None,
    progress: Callable[[int], None] | None,
) -> tuple[torch.Tensor | None, int]:
    def run(worker: "local", blocks: list[Block]) -> tuple[torch.Tensor, int]:
        if not hasattr(worker, "merger"):
            worker.merger = BlockMerger(parents, method, draws=draws)
        merger: BlockMerger = worker.merger
        measured = _sum(merger.measure(block, one, facts=facts) for block in blocks)
        return measured, sum(block.count for block in blocks)

    mapped = (
        block
        for info in parents.base.tensors.values()
        for block in blocks_of(info, parents, method)
        if block.sources
    )
    counts: torch.Tensor | None = None
    sums: dict[int, torch.Tensor] = {}
    count = 0
    for errand, (measured, done) in in_any_order(errands_of(mapped, BLOCKS_PER_ERRAND), run, threads=threads):
        count += done
        if measured.is_floating_point():
            sums[errand] = measured
        else:
            counts = measured if counts is None else counts.add_(measured)
        if progress:
            progress(done)
    return (_sum(sums[errand] for errand in sorted(sums)) if sums else counts), count


def _sum(measures: Iterable[torch.Tensor]) -> torch.Tensor:
    total: torch.Tensor | None = None
    for measure in measures:
        total = measure if total is None else total.add_(measure)
    assert total is not None
    return total
