"""Checkpoints that were saved by half, and what is said of them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adamms.adapters import open_model
from adamms.errors import CheckpointError


def test_weights_that_were_not_gathered(tmp_path: Path) -> None:
    tensors = {"model.norm.weight": torch.ones(4), "model.layers.0.mlp.up_proj.weight": torch.empty(0)}
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 weights of .* are empty.*up_proj\.weight: .*ZeRO-3"):
        open_model(tmp_path)


@pytest.mark.parametrize("adapter", ["", "default."])
def test_lora_that_was_not_merged(adapter: str, tmp_path: Path) -> None:
    at = "model.layers.0.mlp.up_proj"
    tensors = {
        f"{at}.base_layer.weight": torch.ones(4, 4),
        f"{at}.lora_A.{adapter}weight": torch.ones(2, 4),
        f"{at}.lora_B.{adapter}weight": torch.ones(4, 2),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"holds LoRA matrices.*merge_and_unload"):
        open_model(tmp_path)


def test_adapters_of_a_models_own_are_part_of_it(tmp_path: Path) -> None:
    """Phi-4-multimodal's, for pictures and for speech."""
    at = "model.layers.0.mlp.up_proj"
    tensors = {
        f"{at}.base_layer.weight": torch.ones(4, 4),
        f"{at}.lora_A.vision.weight": torch.ones(2, 4),
        f"{at}.lora_B.vision.weight": torch.ones(4, 2),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    with open_model(tmp_path) as model:
        assert sorted(model.tensors) == sorted(tensors)
