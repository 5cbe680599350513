"""One transformers model over several devices: which, and where its weights lie then.

accelerate places layers on GPUs one after the other and moves what passes between them. What does not fit on
GPUs can stay in main memory, from where it is copied for every step: slow, and still an answer. Weights on
disk cannot be moved, so a model is never spread that far.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adamms.answering.engine import EngineOptions
from adamms.errors import SearchError, require_packages

AUTO = "auto"
SHARE = 0.85
"""Of a GPU's free memory, for weights: keys, values and activations need the rest."""
MAIN_SHARE = 0.8
"""Of main memory, for what the GPUs have no room for."""


@dataclass(frozen=True)
class Spread:
    """Where a model may be put."""

    gpus: tuple[int, ...]
    main_memory: int = 0
    """Bytes of it, for what the GPUs have no room for."""

    def arguments(self) -> dict[str, Any]:
        """What `from_pretrained` is told."""
        room: dict[int | str, int] = {gpu: int(torch.cuda.mem_get_info(gpu)[0] * SHARE) for gpu in self.gpus}
        if self.main_memory:
            room["cpu"] = self.main_memory
        return {"device_map": "auto", "max_memory": room}


def spread_of(options: EngineOptions) -> Spread | None:
    """The devices that a model is to be spread over; None where it goes to one.

    `gpus_per_model` takes so many GPUs, from the one that `device` names; `device="auto"` takes all, and main
    memory for what they have no room for.

    Raises:
        SearchError: there are not so many, or the device is no GPU.
        MissingPackageError: accelerate is not installed.
    """
    count, (kind, _, first) = options.gpus_per_model or 1, (options.device or "cuda").partition(":")
    here = torch.cuda.device_count()
    if count > 1:
        if kind not in ("cuda", AUTO):
            raise SearchError(f"--gpus-per-model {count} spreads over GPUs, not over {options.device!r}.")
        start = int(first or 0)
        if start + count > here:
            raise SearchError(
                f"--gpus-per-model {count} needs GPUs {start} to {start + count - 1}; there are {here} here."
            )
        spread = Spread(tuple(range(start, start + count)))
    elif kind == AUTO and here:
        from adamms.merging.parent_store import free_memory

        free = free_memory(torch.device("cpu")) or 0
        spread = Spread(tuple(range(here)), int(free * MAIN_SHARE))
    else:
        return None
    require_packages("accelerate")
    return spread


def kept_tensors(model: Any, names: Collection[str]) -> dict[str, Tensor]:
    """The values of parameters that are empty shells in the model, as what they hold is in main memory.

    Raises:
        SearchError: they are on disk.
    """
    kept = {}
    for name in names:
        owner, _, own = name.rpartition(".")
        values: Any = (
            getattr(getattr(model.get_submodule(owner), "_hf_hook", None), "weights_map", None) or {}
        )
        value = values.get(own)
        # From a file it would be another tensor every time.
        if value is None or value.data_ptr() != values[own].data_ptr():
            raise SearchError(
                f"There is no room for {name} in memory: take more GPUs (--gpus-per-model), more main "
                "memory, or a lower --dtype."
            )
        kept[name] = value
    return kept
