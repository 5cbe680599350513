"""Writes small checkpoints for tests of reading and writing them."""

import json
from collections.abc import Callable
from pathlib import Path

import torch

Tensors = dict[str, torch.Tensor]


def raw(tensor: torch.Tensor) -> bytes:
    """A tensor's values as they lie in a file: contiguous, row-major."""
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy()) if tensor.numel() else b""


def write_shards(
    folder: Path,
    tensors: Tensors,
    *,
    index: str,
    name: Callable[[int], str],
    save: Callable[[Tensors, Path], None],
    count: int = 11,
) -> Path:
    folder.mkdir()
    names = list(tensors)
    parts = [names[at::count] for at in range(count)]
    # More files than tensors: the last ones hold one extra tensor each.
    extra = {f"extra.{at}": torch.full((2, 2), float(at)) for at, part in enumerate(parts) if not part}
    placed = {}
    for number, part in enumerate(parts, start=1):
        held = {key: tensors[key] for key in part} or {f"extra.{number - 1}": extra[f"extra.{number - 1}"]}
        save(held, folder / name(number))
        placed |= dict.fromkeys(held, name(number))
    (folder / index).write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": placed}))
    (folder / "config.json").write_text('{"model_type": "toy"}')
    return folder
