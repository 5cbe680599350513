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
from adamms.merging.facts import model_facts, tensor_facts
from adamms.merging.merger import BlockMerger
from adamms.merging.method import Method, parameters_of
from adamms.merging.parents import Parents
from adamms.merging.resident import READERS, Held
from adamms.merging.stored import floating_dtype
from adamms.merging.torch_values import TORCH_DTYPES, DeviceValues, TorchValues

SMALL = 64 << 20
"""Bytes of a model whose tensors take less time than handing them out to threads."""


class TensorMerger:
    """Merges whole tensors of one set of parents, candidate after candidate.

    What a method must know of the whole model is found once, and again only for settings that change it.
    """

    def __init__(
        self,
        parents: Parents,
        *,
        threads: int | None = None,
        draws: Draws | None = None,
        held: Held | None = None,
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
        self._facts: list[tuple[Any, dict[str, Any]]] = []
        self._blocks: dict[tuple[str, int, bool, int], list[Block]] = {}
        self._values = TorchValues() if held is None or held.on_cpu else DeviceValues(held.device)
        self.device = torch.device("cpu") if held is None else held.device
        small = sum(info.nbytes for info in parents.base.tensors.values()) < SMALL
        self.workers = held.readers if held is not None else 1 if small else READERS
        """Threads that may ask for tensors at once with profit."""

    def candidate(self, method: Method) -> "Candidate":
        """All tensors at one method's settings."""
        return Candidate(self, method)

    def fits(self, name: str, place: torch.Tensor) -> bool:
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
            facts=self._facts_for(method),
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
        unsure: list[Any] | None = None,
    ) -> torch.Tensor:
        """Merge a tensor.

        Args:
            name: the tensor.
            method: the method.
            by: the thread's `block_merger` for this method.
            into: where it is laid; new memory where it is left out.
            unsure: takes up whether the values are sound, as truth values on the device; asked here, where
                it is left out.

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
        facts = tensor_facts(by, method, blocks)
        size = into.itemsize
        for block in blocks:
            place = raw[block.start * size : (block.start + block.count) * size]
            by.merge(block, place, dtype=dtype, facts=facts, unsure=unsure)
        return into

    def _blocks_of(self, info: TensorInfo, method: Method) -> list[Block]:
        held = self._held
        size = BLOCK_ELEMENTS if held is None else held.block_elements
        if held and self._values.one_pass and method.rule.arithmetic and len(self._parents.donors) == 1:
            size = held.at_once
        # A move takes milliseconds on a GPU or where models are small; cutting anew would be a third of them.
        key = (info.name, size, method.by_rows, len(self._parents.views_for(method)))
        if key not in self._blocks:
            self._blocks[key] = list(blocks_of(info, self._parents, method, size=size))
        return self._blocks[key]

    def _facts_for(self, method: Method) -> dict[str, Any]:
        passes = method.passes_of("model")
        if not passes:
            return {}
        # Passes that do not ask for the weights find the same for every alpha.
        weighted = any("weights" in parameters_of(one.measure) for one in passes)
        settings = {
            key: value
            for key, value in method.settings.items()
            if weighted or key not in ("alpha", "base_weight")
        }
        key = (method.name, settings)
        for known, facts in self._facts:
            if known == key:
                return facts
        facts = model_facts(self._parents, method, threads=self._threads, draws=self._draws)
        self._facts.append((key, facts))
        return facts


class Candidate:
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

    def fits(self, name: str, place: torch.Tensor) -> bool:
        """As `TensorMerger` says."""
        return self._merger.fits(name, place)

    def lay(self, name: str, place: torch.Tensor) -> None:
        """Merge a tensor into the memory of a live one that it fits; whether it is sound, `settle` tells.

        Raises:
            MergeError: its dtype cannot be interpolated.
        """
        unsure: list[Any] = []
        self._merge(name, into=place, unsure=unsure)
        self._unsure.append((name, unsure))

    def _merge(self, name: str, **given: Any) -> torch.Tensor:
        if not hasattr(self._threads, "by"):
            self._threads.by = self._merger.block_merger(self._method)
        return self._merger.merge(name, self._method, by=self._threads.by, **given)

    def settle(self) -> None:
        """Wait for what was laid, once for all tensors, and insist that it is sound.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        laid, self._unsure = self._unsure, []
        flags = [torch.as_tensor(each) for _, unsure in laid for each in unsure]
        if flags and not torch.stack(flags).all():
            for name in sorted(name for name, unsure in laid if unsure):
                self(name)  # raises where it is not


def merged_tensor(parents: Parents, name: str, *, method: Method) -> torch.Tensor:
    """One merged tensor under a base name; see `TensorMerger`, which is for more than one."""
    return TensorMerger(parents).merged(name, method)
