"""Small real checkpoints on disk."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from checkpoint_files import Tensors, write_shards


@pytest.fixture
def tensors() -> Tensors:
    """Every kind of tensor a checkpoint holds: mixed dtypes, a scalar, an empty one, an odd size."""
    draw = torch.Generator().manual_seed(0)
    return {
        "model.embed_tokens.weight": torch.randn(11, 8, generator=draw).bfloat16(),
        "model.layers.0.self_attn.q_proj.weight": torch.randn(8, 8, generator=draw).half(),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.rand(4, generator=draw),
        "model.layers.10.mlp.up_proj.weight": torch.randn(5, 7, generator=draw).bfloat16(),
        "visual.scale": torch.tensor(0.5),
        "visual.nothing": torch.empty(0, 3),
        "visual.position_ids": torch.arange(9),
        "visual.mask": torch.tensor([True, False, True]),
        "visual.quantised": torch.randn(6, generator=draw).to(torch.float8_e4m3fn),
    }


@pytest.fixture
def single(tmp_path: Path, tensors: Tensors) -> Path:
    """A checkpoint in one safetensors file."""
    folder = tmp_path / "single"
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text('{"model_type": "toy", "torch_dtype": "bfloat16"}')
    return folder


@pytest.fixture
def sharded(tmp_path: Path, tensors: Tensors) -> Path:
    """The same checkpoint in eleven safetensors files with an index (so that 10 must sort after 2)."""
    return write_shards(
        tmp_path / "sharded",
        tensors,
        index="model.safetensors.index.json",
        name=lambda number: f"model-{number}-of-11.safetensors",
        save=lambda part, path: save_file(part, path, metadata={"format": "pt"}),
    )
