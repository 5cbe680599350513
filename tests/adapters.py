"""Writes small LoRA and DoRA adapters as PEFT stores them, with random matrices."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

DATA = Path(__file__).parent / "data" / "adapters"
PREFIX = "base_model.model."


def plus(model: Path | str, adapter: Path | str) -> str:
    return f"{model}+{adapter}"


def low_rank(
    modules: dict[str, tuple[int, int]],
    *,
    rank: int = 2,
    seed: int = 0,
    dora: bool = False,
    size: float = 0.3,
) -> dict[str, torch.Tensor]:
    """Matrices for modules of (outputs, inputs), under PEFT's names."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (outputs, inputs) in modules.items():
        at = f"{PREFIX}{name}"
        tensors[f"{at}.lora_A.weight"] = size * torch.randn((rank, inputs), generator=generator)
        tensors[f"{at}.lora_B.weight"] = size * torch.randn((outputs, rank), generator=generator)
        if dora:
            tensors[f"{at}.lora_magnitude_vector"] = 1 + torch.rand(outputs, generator=generator)
    return tensors


def write_adapter(
    folder: Path, tensors: dict[str, torch.Tensor], *, rank: int = 2, bin_: bool = False, **config: Any
) -> Path:
    """One adapter; `config` holds what differs from a plain LoRA's configuration, None for left out."""
    folder.mkdir(parents=True, exist_ok=True)
    if bin_:
        torch.save(tensors, folder / "adapter_model.bin")
    else:
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 3, "target_modules": ["q_proj"]} | config
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def shapes_of(tensors: dict[str, torch.Tensor], ends: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Modules whose weight is called so at its end, with its shape."""
    named = {name.removesuffix(".weight"): tuple(each.shape) for name, each in tensors.items()}
    return {name: shape for name, shape in named.items() if name.endswith(tuple(ends))}  # type: ignore[misc]


def folded(
    weight: torch.Tensor, adapter: dict[str, torch.Tensor], module: str, *, scaling: float
) -> torch.Tensor:
    """What a module's weight becomes, in float32."""
    at = f"{PREFIX}{module}"
    a, b = adapter[f"{at}.lora_A.weight"], adapter[f"{at}.lora_B.weight"]
    moved = weight.float() + scaling * (b.float() @ a.float()).reshape(weight.shape)
    magnitude = adapter.get(f"{at}.lora_magnitude_vector")
    return moved if magnitude is None else moved * (magnitude / moved.norm(dim=1))[:, None]
