"""What a method must know of a tensor, or of the whole model, before it merges: its reductions, streamed.

Partial results are added up block by block: counts in integers, so that no order matters; sums in float64 and
in the order of the file, so that the number of threads does not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from adamms.merging.blocks import Block, BlockReader, blocks_of
from adamms.merging.cpu_kernel import cpu_backend
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import BoundMethod, Method, Reduction, call
from adamms.merging.thread_pool import BLOCKS_PER_TASK, unordered_map, work_items

if TYPE_CHECKING:
    from threading import local

    from adamms.merging.draws import Draws

Statistics = Mapping[str, Any]


class Reducer:
    """Reduces blocks, for one thread; on the CPU, as sums come out in another order on a GPU."""

    def __init__(self, reader: BlockReader, method: Method, *, statistics: Statistics | None = None) -> None:
        """Prepare a thread's reductions.

        Args:
            reader: the thread's reader of the parents.
            method: the method with its settings.
            statistics: what its reductions over the whole model gave.
        """
        self._reader = reader
        self._method = method
        self._statistics = statistics or {}
        self._backend = cpu_backend()

    def tensor_statistics(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """What the method's reductions give over one tensor's blocks.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        mapped = [block for block in blocks if block.sources]
        statistics: dict[str, Any] = {}
        if not mapped:
            return statistics
        count = sum(block.count for block in mapped)
        for reduction in self._method.reductions_of("tensor"):
            if reduction.skip_if in statistics:
                continue
            known = {**self._statistics, **statistics}
            total = self.reduce(mapped, reduction, statistics=known)
            arguments = self._reader.inputs.arguments(mapped[0].name, self._method, statistics=known)
            statistics |= call(reduction.finalize, {**arguments, "total": total, "count": count})
        return statistics

    def reduce(
        self,
        blocks: Iterable[Block],
        reduction: Reduction,
        *,
        statistics: Statistics,
        accumulated: np.ndarray | None = None,
    ) -> np.ndarray:
        """A reduction's sum over blocks that have sources; at least one block.

        Args:
            blocks: which.
            reduction: what is summed.
            statistics: what earlier reductions gave.
            accumulated: the sum up to here, of a reduction that is an `accumulator`; it is added to in its
                own memory.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        total = accumulated if reduction.accumulator else None
        name, bound = None, None
        for block in blocks:
            if block.name != name or bound is None:
                name = block.name
                arguments = self._reader.inputs.arguments(name, self._method, statistics=statistics)
                bound = BoundMethod(self._method.rule.function, arguments, None)
            part = self._backend.reduce(self._reader.read(block), bound, reduction, total)
            if part.dtype.kind == "f" and not np.isfinite(part).all():
                raise self._reader.fault(block, "F32")
            total = part if total is None or reduction.accumulator else np.add(total, part, out=total)
        assert total is not None
        return total


def model_statistics(
    inputs: MergeInputs,
    method: Method,
    *,
    threads: int | None = None,
    draws: "Draws | None" = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """What the method's reductions give over the whole model; nothing is read if it has none of that scope.

    Args:
        inputs: the models.
        method: the method with its settings.
        threads: workers; two by default.
        draws: another source of random numbers, for tests.
        progress: called with the number of elements looked at since the last call.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
    """
    statistics: dict[str, Any] = {}
    for reduction in method.reductions_of("model"):
        if reduction.skip_if in statistics:
            continue
        # Those that may be superfluous were not announced.
        announced = None if reduction.skip_if else progress
        run = _Run(inputs, method, reduction, dict(statistics), draws)
        total, count = run.total(threads, announced)
        if total is not None:
            arguments = inputs.arguments(None, method, statistics=statistics)
            statistics |= call(reduction.finalize, {**arguments, "total": total, "count": count})
    return statistics


def elements_to_reduce(inputs: MergeInputs, method: Method) -> int:
    """How many elements `model_statistics` will look at, in the reductions that are needed for certain."""
    certain = [reduction for reduction in method.reductions_of("model") if not reduction.skip_if]
    return sum(block.count for reduction in certain for block in _blocks(inputs, method, reduction))


def _blocks(inputs: MergeInputs, method: Method, reduction: Reduction) -> Iterator[Block]:
    """The blocks that a reduction over the model looks at."""
    tensors = inputs.base.tensors.values()
    mapped = (block for info in tensors for block in blocks_of(info, inputs, method) if block.sources)
    for block in islice(mapped, 0, None, reduction.sample):
        yield replace(block, count=-(-block.count // reduction.sample))


class _Run:
    """One reduction over the whole model, on a pool of threads."""

    def __init__(
        self,
        inputs: MergeInputs,
        method: Method,
        reduction: Reduction,
        statistics: Statistics,
        draws: "Draws | None",
    ) -> None:
        """Read nothing yet.

        Args:
            inputs: the models.
            method: the method with its settings.
            reduction: what is summed.
            statistics: what earlier reductions gave.
            draws: another source of random numbers, for tests.
        """
        self._inputs = inputs
        self._method = method
        self._reduction = reduction
        self._statistics = statistics
        self._draws = draws

    def total(
        self, threads: int | None, progress: Callable[[int], None] | None
    ) -> tuple[np.ndarray | None, int]:
        """The sum, None where nothing is merged, and over how many elements."""
        tasks = work_items(_blocks(self._inputs, self._method, self._reduction), BLOCKS_PER_TASK)
        counts: np.ndarray | None = None
        sums: dict[int, np.ndarray] = {}
        own: dict[int, np.ndarray] = {}
        count = 0
        for task, (part, done) in unordered_map(tasks, self._reduce, threads=threads):
            count += done
            if part.dtype.kind == "f":
                sums[task] = part
            elif self._reduction.accumulator:
                # One a thread, that it goes on adding to.
                own[id(part)] = part
            else:
                counts = part if counts is None else np.add(counts, part, out=counts)
            if progress:
                progress(done)
        if own:
            counts = _sum(own.values())
        return (_sum(sums[task] for task in sorted(sums)) if sums else counts), count

    def _reduce(self, worker: "local", blocks: list[Block]) -> tuple[np.ndarray, int]:
        if not hasattr(worker, "reducer"):
            reader = BlockReader(self._inputs, self._method, draws=self._draws)
            worker.reducer = Reducer(reader, self._method)
            worker.accumulated = None
        reducer: Reducer = worker.reducer
        part = reducer.reduce(
            blocks, self._reduction, statistics=self._statistics, accumulated=worker.accumulated
        )
        if self._reduction.accumulator:
            worker.accumulated = part
        return part, sum(block.count for block in blocks)


def _sum(parts: Iterable[np.ndarray]) -> np.ndarray:
    total: np.ndarray | None = None
    for part in parts:
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
