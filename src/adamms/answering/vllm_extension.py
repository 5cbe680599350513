"""Inside vLLM's workers: a candidate merged from the memory-mapped parents into the loaded model.

vLLM fuses projections and shards them over GPUs; what is blended are the tensors as they lie on disk, and
vLLM's own loaders fuse and shard them again, a layer at a time. Every worker merges whole tensors and keeps
its share. vLLM mixes this class into its own workers (`worker_extension_cls`).
"""

import pickle
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adamms.adapters import open_model
from adamms.merging.description import DescribedInputs, DescribedMethod
from adamms.merging.parent_store import choose_parent_store
from adamms.merging.tensors import TensorMerger, in_layers

if TYPE_CHECKING:
    from adamms.merging import MergeInputs

AHEAD = 4
"""Tensors that are merged while the one before is loaded."""


class MergingWorker:
    """What vLLM's workers can do beside their own; the names are ours, as vLLM refuses known ones."""

    model_runner: Any
    device: torch.device

    def adamms_describe(self, number: int, described: bytes) -> None:
        """Open the models of a merge and map them into memory."""
        models = ExitStack()
        sent: DescribedInputs = pickle.loads(described)
        self._adamms_inputs()[number] = (sent.open(models), {})

    def adamms_become(self, number: int, method: bytes, changed: list[str]) -> None:
        """Merge one candidate of the models `number` into the loaded one."""
        described: DescribedMethod = pickle.loads(method)
        inputs, mergers = self._adamms_inputs()[number]
        how = described.method()
        if "merger" not in mergers:
            store, _ = choose_parent_store(inputs, how, device=torch.device(self.device), wanted="mapped")
            # On a CPU the files are read as a merge reads them.
            on_gpu = torch.device(self.device).type != "cpu"
            mergers["merger"] = TensorMerger(inputs, store=store if on_gpu else None)
        candidate = mergers["merger"].candidate(how)
        moved = frozenset(changed)
        base = inputs.base

        def tensor(name: str) -> Tensor:
            return candidate(name) if name in moved else base.tensor(name)

        # Features of pictures stay right where nothing but the language model moves.
        keeps_pictures = moved <= inputs.locations.keys()
        self._adamms_reload(tensor, neighbours(base.tensors, moved), keeps_pictures=keeps_pictures)

    def adamms_load(self, model: str, names: list[str], renamed: dict[str, str]) -> None:
        """Load a model's own tensors that vLLM cannot: what an adapter changes, or what has other names."""
        with open_model(model, download=True) as opened:
            around = neighbours(opened.tensors, frozenset(names))
            self._adamms_reload(opened.tensor, around, renamed=renamed, keeps_pictures=False)

    def _adamms_reload(
        self,
        tensor: Callable[[str], Tensor],
        names: Collection[str],
        *,
        renamed: Mapping[str, str] = MappingProxyType({}),
        keeps_pictures: bool,
    ) -> None:
        runner = self.model_runner
        pictures = dict(runner.encoder_cache) if keeps_pictures else {}
        with ExitStack() as threads:
            pool = threads.enter_context(ThreadPoolExecutor(AHEAD))
            self.reload_weights(  # type: ignore[attr-defined]  # vLLM's own
                weights_iterator=(
                    (renamed.get(name, name), value)
                    for name, value in ahead(tensor, sorted(names, key=in_layers), pool)
                ),
                is_checkpoint_format=True,
            )
        runner.encoder_cache.update(pictures)
        _refresh_tied_heads(runner.get_model())

    def _adamms_inputs(self) -> "dict[int, tuple[MergeInputs, dict[str, TensorMerger]]]":
        if not hasattr(self, "_adamms_opened"):
            self._adamms_opened: dict[int, tuple[MergeInputs, dict[str, TensorMerger]]] = {}
        return self._adamms_opened


def neighbours(names: Collection[str], moved: Collection[str]) -> tuple[str, ...]:
    """The tensors that must be loaded for some to move: all of their layers, and beside the layers of their
    modules.

    vLLM fills a layer anew once anything of it is loaded: what is not loaded would be left without values.
    """
    touched = frozenset(map(_layer_of, moved))
    return tuple(name for name in names if _layer_of(name) in touched)


def ahead(
    tensor: Callable[[str], Tensor], names: Collection[str], pool: ThreadPoolExecutor
) -> Iterator[tuple[str, Tensor]]:
    """Tensors in this order, the next ones on their way while one is used."""
    pending: deque[tuple[str, Future[Tensor]]] = deque()
    for name in names:
        pending.append((name, pool.submit(tensor, name)))
        if len(pending) > AHEAD:
            first, value = pending.popleft()
            yield first, value.result()
    for first, value in pending:
        yield first, value.result()


def _layer_of(name: str) -> str:
    parts = name.split(".")
    numbered = next((at for at, part in enumerate(parts) if part.isdigit()), None)
    return ".".join(parts[:-1] if numbered is None else parts[: numbered + 1])


def _refresh_tied_heads(model: torch.nn.Module) -> None:
    """Let a head that shares the embedding's table take the new one: what was made of the old one is stale.

    On a CPU vLLM multiplies with a packed copy of the table, which no loader makes anew for a head that has
    no tensor of its own on disk.
    """
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

    tables = [
        module
        for module in model.modules()
        if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead)
    ]
    for head in model.modules():
        if isinstance(head, ParallelLMHead) and any(head.weight is table.weight for table in tables):
            head.quant_method.process_weights_after_loading(head)
