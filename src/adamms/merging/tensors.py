"""One whole merged tensor in memory, for moving a live model from candidate to candidate.

The values come out of the same `BlockMerger` as the written checkpoint's, so what the search answers with is
what the merge writes.
"""

from typing import TYPE_CHECKING, Any

import torch

from adamms.merging.blocks import BLOCK_ELEMENTS, blocks_of
from adamms.merging.draws import Draws
from adamms.merging.facts import model_facts, tensor_facts
from adamms.merging.merger import BlockMerger
from adamms.merging.method import Method, parameters_of
from adamms.merging.parents import Parents
from adamms.merging.stored import floating_dtype
from adamms.merging.torch_values import TORCH_DTYPES, DeviceValues, TorchValues

if TYPE_CHECKING:
    from adamms.merging.resident import ResidentTensors

DEVICE_BLOCK_ELEMENTS = 1 << 24
"""On a GPU, where a small block costs as long as a large one."""


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
        held: "ResidentTensors | None" = None,
    ) -> None:
        """Read nothing yet.

        Args:
            parents: the models.
            threads: workers for what must be known of the whole model.
            draws: another source of random numbers, for tests.
            held: the parents in memory; merged tensors then lie on its device. Read from their files where
                it is left out.
        """
        self._parents = parents
        self._held = held
        self._threads = threads
        self._draws = draws
        self._facts: list[tuple[Any, dict[str, Any]]] = []

    def merged(self, name: str, method: Method) -> torch.Tensor:
        """The merged tensor under a base name: the base's shape, rounded once to the base's dtype.

        Raises:
            MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
        """
        info = self._parents.base.tensors[name]
        dtype = floating_dtype(info, self._parents.base.source)
        held = self._held
        device = torch.device("cpu") if held is None else held.device
        flat = torch.empty(info.numel, dtype=TORCH_DTYPES[dtype], device=device)
        # Torch is there already, and its own threads share the work here.
        merger = BlockMerger(
            self._parents,
            method,
            facts=self._facts_for(method),
            draws=self._draws,
            values=TorchValues() if held is None or held.on_cpu else DeviceValues(),
            held=held,
        )
        size = BLOCK_ELEMENTS if held is None or held.on_cpu else DEVICE_BLOCK_ELEMENTS
        blocks = list(blocks_of(info, self._parents, method, size=size))
        facts = tensor_facts(merger, method, blocks)
        raw: Any = flat.view(torch.uint8)
        if held is None or held.on_cpu:
            raw = raw.numpy()
        size = flat.itemsize
        for block in blocks:
            place = raw[block.start * size : (block.start + block.count) * size]
            merger.merge(block, place, dtype=dtype, facts=facts)
        return flat.view(info.shape)

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


def merged_tensor(parents: Parents, name: str, *, method: Method) -> torch.Tensor:
    """One merged tensor under a base name; see `TensorMerger`, which is for more than one."""
    return TensorMerger(parents).merged(name, method)
