"""One whole merged tensor in memory, for moving a live model from candidate to candidate.

The values come out of the same `BlockMerger` as the written checkpoint's, so what the search answers with is
what the merge writes.
"""

import threading
from typing import Any

import torch

from adamms.checkpoints import TensorInfo
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, blocks_of
from adamms.merging.draws import Draws
from adamms.merging.dtypes import floating_dtype
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.merger import BlockMerger
from adamms.merging.method import Method, parameters_of
from adamms.merging.parent_store import READERS, ParentStore
from adamms.merging.statistics import model_statistics, tensor_statistics
from adamms.merging.torch_backend import TORCH_DTYPES, TorchBackend, TorchDeviceBackend

SMALL = 64 << 20
"""Bytes of a model whose tensors take less time than handing them out to threads."""


class TensorMerger:
    """Merges whole tensors of one set of parents, candidate after candidate.

    What a method must know of the whole model is found once, and again only for settings that change it.
    """

    def __init__(
        self,
        parents: MergeInputs,
        *,
        threads: int | None = None,
        draws: Draws | None = None,
        held: ParentStore | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            parents: the models.
            threads: workers for what must be known of the whole model.
            draws: another source of random numbers, for tests.
            held: where the parents are read from; merged tensors then lie on its device. Their files, in
                main memory, where it is left out.
        """
        self._parents = parents
        self._held = held
        self._threads = threads
        self._draws = draws
        self._statistics: list[tuple[Any, dict[str, Any]]] = []
        self._blocks: dict[tuple[str, int, bool, int], list[Block]] = {}
        self._values = TorchBackend() if held is None or held.on_cpu else TorchDeviceBackend(held.device)
        self.device = torch.device("cpu") if held is None else held.device
        small = sum(info.nbytes for info in parents.base.tensors.values()) < SMALL
        self.workers = held.readers if held is not None else 1 if small else READERS
        """Threads that may ask for tensors at once with profit."""

    def candidate(self, method: Method) -> "CandidateWeights":
        """All tensors at one method's settings."""
        return CandidateWeights(self, method)

    def accepts(self, name: str, place: torch.Tensor) -> bool:
        """Whether a tensor can be merged into `place` as it lies there."""
        info = self._parents.base.tensors[name]
        return (
            place.dtype == TORCH_DTYPES.get(info.dtype)
            and tuple(place.shape) == info.shape
            and place.device == self.device
            and place.is_contiguous()
        )

    def merged(self, name: str, method: Method) -> torch.Tensor:
        """The merged tensor under a base name: the base's shape, rounded once to the base's dtype.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        return self.candidate(method)(name)

    def block_merger(self, method: Method) -> BlockMerger:
        """What merges blocks in one thread."""
        return BlockMerger(
            self._parents,
            method,
            statistics=self._statistics_for(method),
            draws=self._draws,
            values=self._values,
            held=self._held,
        )

    def merge(
        self,
        name: str,
        method: Method,
        *,
        by: BlockMerger,
        into: torch.Tensor | None = None,
        pending_checks: list[Any] | None = None,
    ) -> torch.Tensor:
        """Merge a tensor.

        Args:
            name: the tensor.
            method: the method.
            by: the thread's `block_merger` for this method.
            into: where it is written; new memory where it is left out.
            pending_checks: takes up whether the values are in range, as truth values on the device; asked
                here, where it is left out.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        info = self._parents.base.tensors[name]
        dtype = floating_dtype(info, self._parents.base.source)
        if into is None:
            into = torch.empty(info.shape, dtype=TORCH_DTYPES[dtype], device=self.device)
        raw: Any = into.detach().view(-1).view(torch.uint8)
        if self._held is None or self._held.on_cpu:
            # Torch is there already, and its own threads share the work here.
            raw = raw.numpy()
        blocks = self._blocks_of(info, method)
        statistics = tensor_statistics(by, method, blocks)
        size = into.itemsize
        for block in blocks:
            place = raw[block.start * size : (block.start + block.count) * size]
            by.merge(block, place, dtype=dtype, statistics=statistics, pending_checks=pending_checks)
        return into

    def _blocks_of(self, info: TensorInfo, method: Method) -> list[Block]:
        held = self._held
        size = BLOCK_ELEMENTS if held is None else held.block_elements
        if held and self._values.one_pass and method.rule.kernel and len(self._parents.donors) == 1:
            size = held.at_once
        # A move takes milliseconds on a GPU or where models are small; cutting anew would be a third of them.
        key = (info.name, size, method.by_rows, len(self._parents.views_for(method)))
        if key not in self._blocks:
            self._blocks[key] = list(blocks_of(info, self._parents, method, size=size))
        return self._blocks[key]

    def _statistics_for(self, method: Method) -> dict[str, Any]:
        passes = method.reductions_of("model")
        if not passes:
            return {}
        # Passes that do not ask for the weights find the same for every alpha.
        weighted = any("weights" in parameters_of(one.map) for one in passes)
        settings = {
            key: value
            for key, value in method.settings.items()
            if weighted or key not in ("alpha", "base_weight")
        }
        key = (method.name, settings)
        for known, statistics in self._statistics:
            if known == key:
                return statistics
        statistics = model_statistics(self._parents, method, threads=self._threads, draws=self._draws)
        self._statistics.append((key, statistics))
        return statistics


class CandidateWeights:
    """The merged tensors of one method's settings, on their way into a live model."""

    def __init__(self, merger: TensorMerger, method: Method) -> None:
        """Merge nothing yet."""
        self._merger = merger
        self._method = method
        self._threads = threading.local()
        self._unsure: list[tuple[str, list[Any]]] = []
        self.workers = merger.workers

    def __call__(self, name: str) -> torch.Tensor:
        """A whole tensor; see `TensorMerger.merge`."""
        return self._merge(name)

    def accepts(self, name: str, place: torch.Tensor) -> bool:
        """As `TensorMerger` says."""
        return self._merger.accepts(name, place)

    def write_into(self, name: str, place: torch.Tensor) -> None:
        """Merge a tensor into the memory of a live one that it fits; whether it is sound, `check` tells.

        Raises:
            MergeError: its dtype cannot be interpolated.
        """
        pending_checks: list[Any] = []
        self._merge(name, into=place, pending_checks=pending_checks)
        self._unsure.append((name, pending_checks))

    def _merge(self, name: str, **given: Any) -> torch.Tensor:
        if not hasattr(self._threads, "by"):
            self._threads.by = self._merger.block_merger(self._method)
        return self._merger.merge(name, self._method, by=self._threads.by, **given)

    def check(self) -> None:
        """Wait for what was laid, once for all tensors, and insist that it is sound.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        laid, self._unsure = self._unsure, []
        flags = [torch.as_tensor(each) for _, pending_checks in laid for each in pending_checks]
        if flags and not torch.stack(flags).all():
            for name in sorted(name for name, pending_checks in laid if pending_checks):
                self(name)  # raises where it is not


def merged_tensor(parents: MergeInputs, name: str, *, method: Method) -> torch.Tensor:
    """One merged tensor under a base name; see `TensorMerger`, which is for more than one."""
    return TensorMerger(parents).merged(name, method)
