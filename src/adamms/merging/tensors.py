"""One whole merged tensor in memory, for moving a live model from candidate to candidate.

The values come out of the same `BlockMerger` as the written checkpoint's, so what the search answers with is
what the merge writes. Beside a live model on a device they are computed there, in torch
(`TorchDeviceBackend`).
"""

import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import torch

from adamms.checkpoints import TensorInfo
from adamms.merging.backends import Backend
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, BlockReader, ParentStore, RawBlock, blocks_of
from adamms.merging.cpu_kernel import cpu_backend
from adamms.merging.dtypes import LARGEST, RawTensor, floating_dtype
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.merger import BlockMerger
from adamms.merging.method import BoundMethod, Method, parameters_of
from adamms.merging.parent_store import READERS

if TYPE_CHECKING:
    from adamms.merging.draws import Draws
    from adamms.merging.statistics import Reducer

TORCH_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}
SMALL = 64 << 20
"""Bytes of a model whose tensors take less time than handing them out to threads."""


class TensorMerger:
    """Merges whole tensors of one set of parents, candidate after candidate.

    What a method must know of the whole model is computed once, and again only for settings that change it.
    """

    def __init__(
        self,
        inputs: MergeInputs,
        *,
        threads: int | None = None,
        draws: "Draws | None" = None,
        store: ParentStore | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            inputs: the models.
            threads: workers for what must be known of the whole model.
            draws: another source of random numbers, for tests.
            store: where the parents are read from; merged tensors then lie on its device. Their files, in
                main memory, where it is left out.
        """
        self.inputs = inputs
        self.store = store
        self.draws = draws
        self._threads = threads
        self._statistics: list[tuple[Any, dict[str, Any]]] = []
        self._blocks: dict[tuple[str, bool, int], list[Block]] = {}
        self.on_cpu = store is None or store.on_cpu
        self.device = torch.device("cpu") if store is None else store.device
        small = sum(info.nbytes for info in inputs.base.tensors.values()) < SMALL
        self.workers = store.readers if store is not None else 1 if small else READERS
        """Threads that may ask for tensors at once with profit."""

    def candidate(self, method: Method) -> "CandidateWeights":
        """All tensors at one method's settings."""
        return CandidateWeights(self, method)

    def merged(self, name: str, method: Method) -> torch.Tensor:
        """The merged tensor under a base name: the base's shape, rounded once to the base's dtype.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        return self.candidate(method)(name)

    def blocks(self, info: TensorInfo, method: Method) -> list[Block]:
        """A base tensor's blocks."""
        # A move takes milliseconds on a GPU or where models are small; cutting anew would be a third of them.
        key = (info.name, method.by_rows, len(self.inputs.views_for(method)))
        if key not in self._blocks:
            size = BLOCK_ELEMENTS if self.store is None else self.store.block_elements
            self._blocks[key] = list(blocks_of(info, self.inputs, method, size=size))
        return self._blocks[key]

    def statistics(self, method: Method) -> dict[str, Any]:
        """What the method's reductions over the whole model give."""
        reductions = method.reductions_of("model")
        if not reductions:
            return {}
        # Reductions that do not ask for the weights give the same for every alpha.
        weighted = any("weights" in parameters_of(reduction.map)[0] for reduction in reductions)
        settings = {
            key: value
            for key, value in method.settings.items()
            if weighted or key not in ("alpha", "base_weight")
        }
        key = (method.name, settings)
        for known, statistics in self._statistics:
            if known == key:
                return statistics
        # Late, as below: most methods know nothing beforehand.
        from adamms.merging.statistics import model_statistics

        statistics = model_statistics(self.inputs, method, threads=self._threads, draws=self.draws)
        self._statistics.append((key, statistics))
        return statistics


class CandidateWeights:
    """The merged tensors of one method's settings, on their way into a live model."""

    def __init__(self, merger: TensorMerger, method: Method) -> None:
        """Merge nothing yet."""
        self._merger = merger
        self._method = self.method = method
        self.inputs = merger.inputs
        self._threads = threading.local()
        self._statistics: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._pending_checks: list[tuple[str, Block, Any]] = []
        self.workers = merger.workers

    def __call__(self, name: str) -> torch.Tensor:
        """A whole merged tensor: the base's shape, rounded once to the base's dtype.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        info = self._merger.inputs.base.tensors[name]
        dtype = floating_dtype(info, self._merger.inputs.base.source)
        place = torch.empty(info.shape, dtype=TORCH_DTYPES[dtype], device=self._merger.device)
        self._check(self._merge(info, place))
        return place

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """Whole merged tensors of these names, those of a layer together and layers in their order.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        for name in sorted(names, key=in_layers):
            yield name, self(name)

    def accepts(self, name: str, place: torch.Tensor) -> bool:
        """Whether a tensor can be merged into `place` as it lies there."""
        info = self._merger.inputs.base.tensors[name]
        return (
            place.dtype == TORCH_DTYPES.get(info.dtype)
            and tuple(place.shape) == info.shape
            and place.device == self._merger.device
            and place.is_contiguous()
        )

    def write_into(self, name: str, place: torch.Tensor) -> None:
        """Merge a tensor into the memory of a live one that accepts it; `check` tells whether it is in range.

        Raises:
            MergeError: its dtype cannot be interpolated.
        """
        self._pending_checks += self._merge(self._merger.inputs.base.tensors[name], place)

    def check(self) -> None:
        """Wait for what was written, once for all tensors, and insist that it is in range.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        pending, self._pending_checks = self._pending_checks, []
        self._check(pending)

    def _merge(self, info: TensorInfo, place: torch.Tensor) -> list[tuple[str, Block, Any]]:
        """Merge a tensor, block by block: what is still to be asked of each."""
        merger, reducer = self._workers()
        raw: Any = place.detach().view(-1).view(torch.uint8)
        if self._merger.on_cpu:
            raw = raw.numpy()
        blocks = self._merger.blocks(info, self._method)
        statistics = reducer.tensor_statistics(blocks) if reducer else None
        size = place.itemsize
        checks = []
        for block in blocks:
            part = raw[block.start * size : (block.start + block.count) * size]
            in_range = merger.merge(block, part, dtype=info.dtype, statistics=statistics)
            checks.append((info.dtype, block, in_range))
        return checks

    def _check(self, pending: list[tuple[str, Block, Any]]) -> None:
        flags = [torch.as_tensor(in_range) for _, _, in_range in pending]
        if not flags or torch.stack(flags).all():
            return
        merger, _ = self._workers()
        # The same sentence whatever the threads' order.
        wrong = ((dtype, block) for (dtype, block, _), flag in zip(pending, flags, strict=True) if not flag)
        dtype, block = min(wrong, key=lambda pair: (pair[1].name, pair[1].start))
        raise merger.fault(block, dtype)

    def _workers(self) -> tuple[BlockMerger, "Reducer | None"]:
        """This thread's merger, and its reducer where the method must know something of whole tensors."""
        if not hasattr(self._threads, "merger"):
            with self._lock:
                if self._statistics is None:
                    self._statistics = self._merger.statistics(self._method)
            reader = BlockReader(
                self._merger.inputs, self._method, draws=self._merger.draws, store=self._merger.store
            )
            backend = cpu_backend() if self._merger.on_cpu else TorchDeviceBackend()
            self._threads.merger = BlockMerger(
                reader, self._method, statistics=self._statistics, backend=backend
            )
            self._threads.reducer = None
            if self._method.reductions_of("tensor"):
                from adamms.merging.statistics import Reducer

                self._threads.reducer = Reducer(reader, self._method, statistics=self._statistics)
        return self._threads.merger, self._threads.reducer


def in_layers(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts names on disk by their parts, numbers as numbers: layer 10 comes behind layer 9."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in name.split(".")]


def merged_tensor(inputs: MergeInputs, name: str, *, method: Method) -> torch.Tensor:
    """One merged tensor under a base name; see `TensorMerger`, which is for more than one."""
    return TensorMerger(inputs).merged(name, method)


class TorchDeviceBackend(Backend):
    """Merges where bytes are uint8 tensors on a device and stay there; one serves all threads.

    For methods that look at single elements only; the steps are torch's own, one pass over the device's
    memory each, and the bits are those of the CPU. Methods that draw, sum up or work on rows are computed on
    the CPU (`parent_store.elementwise`).
    """

    def merge(self, block: RawBlock, method: BoundMethod, out: RawTensor) -> torch.Tensor:
        """Widen, call the method's function on tensors, round once; the truth value stays on the device."""
        merged = method(
            models=[_widened(raw, double=block.double) for raw in block.models],
            pretrained=block.pretrained and _widened(block.pretrained, double=block.double),
            draws=block.draws,
            width=block.width,
        )
        low, high = torch.aminmax(merged)
        largest = LARGEST[out.dtype]
        _stored(out).copy_(merged)
        return (low >= -largest) & (high <= largest)

    def convert(self, values: RawTensor, out: RawTensor, *, double: bool) -> torch.Tensor:
        """Widen and round; infinities stay, and so does the truth value on the device."""
        wide = _widened(values, double=double)
        _stored(out).copy_(wide)
        return ((wide.abs() <= LARGEST[out.dtype]) | wide.isinf()).all()


def _widened(values: RawTensor, *, double: bool) -> torch.Tensor:
    """A copy in float32 or float64, as what is held is not a method's to change."""
    return _stored(values).to(torch.float64 if double else torch.float32, copy=True)


def _stored(values: RawTensor) -> torch.Tensor:
    """The bytes as what they are."""
    raw: torch.Tensor = values.raw
    return raw.view(TORCH_DTYPES[values.dtype])
