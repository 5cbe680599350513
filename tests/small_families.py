"""A family of small models of three architectures around one ancestor, and merges of them by any method."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MappedCheckpoint, MergeInputs, all_methods, make_method
from adamms.merging.stream import stream_merge
from golden_files import weights
from small_pairs import language_model, text_config, write_llava_onevision, write_qwen2_vl

NORM = "model.layers.0.input_layernorm.weight"
UP = "model.layers.1.mlp.up_proj.weight"


def write_qwen2(folder: Path, seed: int, *, without: str = "", rows: int = 40) -> Path:
    """A plain language model: the ancestor, or a donor of another architecture."""
    tensors = language_model(seed, rows=rows)
    folder.mkdir(parents=True)
    held = {name: tensor for name, tensor in tensors.items() if not without or without not in name}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(text_config(rows)))
    return folder


def write_family(root: Path) -> dict[str, Path]:
    """The models by name: base, donor, other, pretrained, and headless, an ancestor that lacks tensors."""
    return {
        "base": write_qwen2_vl(root / "base", shards=1),
        "donor": write_llava_onevision(root / "donor", dtype=torch.bfloat16),
        "other": write_qwen2(root / "other", 5, rows=32),
        "pretrained": write_qwen2(root / "pretrained", 7),
        "headless": write_qwen2(root / "headless", 7, without="layers.1.mlp"),
    }


def opened(
    models: ExitStack, folders: dict[str, Path], *donors: str, pretrained: str | None = None
) -> MergeInputs:
    base = models.enter_context(Checkpoint.open(folders["base"]))

    def view(side: str) -> MappedCheckpoint:
        model = models.enter_context(Checkpoint.open(folders[side]))
        # An ancestor may lack what the base has.
        mapping = map_parameters(base, model, vocabulary="rows", allow_partial=True)
        return MappedCheckpoint(model, MappedDonor(mapping, base, model))

    return MergeInputs(base, tuple(map(view, donors)), view(pretrained) if pretrained else None)


def merge(
    folder: Path,
    folders: dict[str, Path],
    *donors: str,
    method: str = "linear",
    pretrained: str | None = None,
    threads: int = 2,
    **settings: Any,
) -> dict[str, torch.Tensor]:
    folder.mkdir()
    with ExitStack() as models:
        parents = opened(models, folders, *donors, pretrained=pretrained)
        writer = CheckpointWriter(folder, parents.base)
        stream_merge(parents, method=make_method(method, settings), writer=writer, threads=threads)
        writer.finish()
    return weights(folder)


def settings_of(name: str) -> dict[str, Any]:
    alpha = next(method for method in all_methods() if method.name == name).parameter("alpha")
    return {"alpha": 0.4} if alpha and alpha.required else {}
