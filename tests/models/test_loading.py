"""Checkpoints on disk: official names, transformers' Auto classes, folders as they come from elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText

from adamms.models import (
    CogVLMConfig,
    CogVLMForCausalLM,
    MPLUGOwl2Config,
    MPLUGOwl2LlamaForCausalLM,
    native_config,
)
from layouts import read_layout

OFFICIAL = {
    "cogvlm": ("THUDM/cogvlm-chat-hf", CogVLMConfig, CogVLMForCausalLM),
    "mplug_owl2": ("MAGAer13/mplug-owl2-llama2-7b", MPLUGOwl2Config, MPLUGOwl2LlamaForCausalLM),
}


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def logits(model: Any, inputs: dict[str, Any]) -> Any:
    with torch.no_grad():
        return model.eval()(**inputs).logits


def test_the_official_model_has_the_official_names_and_shapes(family: str) -> None:
    name, config_class, model_class = OFFICIAL[family]
    config, tensors = read_layout(name)
    with torch.device("meta"):
        model = model_class(config_class.from_dict(config))
    own = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    published = {key: shape for key, (shape, _) in tensors.items()}
    assert {key: own.get(key) for key in published} == published
    # The authors' conversion leaves the abstractor's fixed position tables out.
    assert all(key.endswith("_pos_embed") for key in own.keys() - published.keys())


def test_a_golden_checkpoint_survives_a_round_trip(
    family: str, golden_folder: Callable[[str], Path], golden_model: Callable[..., Any], tmp_path: Path
) -> None:
    golden_model(family).save_pretrained(tmp_path)
    before, after = stored(golden_folder(family)), stored(tmp_path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.parametrize("loader", [AutoModelForCausalLM, AutoModelForImageTextToText])
def test_auto_classes_load_what_was_saved(
    family: str, loader: Any, tiny_model: Callable[..., Any], prompt: Callable[..., Any], tmp_path: Path
) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    model.save_pretrained(tmp_path)
    loaded, report = loader.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is type(model)
    assert not any(report.values())
    assert (logits(loaded, inputs) - logits(model, inputs)).abs().max() <= 1e-5
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(model.config)
    assert type(AutoModel.from_pretrained(tmp_path)) is type(model.model)


def test_a_config_survives_a_round_trip(family: str, tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    config = tiny_config(family, rope_theta=50000.0, rms_norm_eps=3e-5)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert loaded.rope_parameters["rope_theta"] == 50000.0
    assert loaded.image_length == config.image_length


def test_rope_theta_moves_the_answers(family: str, tiny_model: Any, prompt: Any) -> None:
    inputs = prompt(family, 5)
    near, far = (tiny_model(family, rope_theta=theta) for theta in (100.0, 10000.0))
    assert (logits(near, inputs) - logits(far, inputs)).abs().max() > 0.01


def test_sharded_pickles_of_any_name_load(
    family: str, golden_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """As the official mPLUG-Owl2 is stored: an index that names files `pytorch_model-1-of-33.bin`."""
    tensors, names = stored(golden_folder(family)), [f"pytorch_model-{part}-of-3.bin" for part in (1, 2, 3)]
    parts: list[dict[str, torch.Tensor]] = [{}, {}, {}]
    for place, (name, tensor) in enumerate(tensors.items()):
        parts[place % 3][name] = tensor
    for name, part in zip(names, parts, strict=True):
        torch.save(part, tmp_path / name)
    weights = {name: names[place % 3] for place, name in enumerate(tensors)}
    index = {"metadata": {"total_size": 1}, "weight_map": weights}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    shutil.copy(golden_folder(family) / "config.json", tmp_path)
    loaded = OFFICIAL[family][2].from_pretrained(tmp_path)
    state = loaded.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_buffers_that_a_checkpoint_lacks_are_computed(
    family: str, dtype: torch.dtype, golden_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    tensors = stored(golden_folder(family))
    left = {
        name: value for name, value in tensors.items() if "inv_freq" not in name and "pos_embed" not in name
    }
    assert len(left) < len(tensors)
    save_file(left, tmp_path / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(golden_folder(family) / "config.json", tmp_path)
    loaded, report = OFFICIAL[family][2].from_pretrained(tmp_path, dtype=dtype, output_loading_info=True)
    assert not any(report.values())
    for name in tensors.keys() - left.keys():
        buffer = loaded.state_dict()[name]
        assert buffer.dtype == torch.float32
        assert torch.allclose(buffer, tensors[name], atol=1e-6)


def test_stored_frequencies_are_never_computed_with(
    family: str, tiny_model: Callable[..., Any], prompt: Callable[..., Any]
) -> None:
    """The official CogVLM stores them rounded to bfloat16."""
    model, inputs = tiny_model(family), prompt(family, 5)
    expected = logits(model, inputs)
    for layer in model.model.layers:
        layer.self_attn.rotary_emb.inv_freq.zero_()
    assert torch.equal(logits(model, inputs), expected)


def test_the_official_cogvlm_is_known_without_its_remote_code(golden_folder: Callable[[str], Path]) -> None:
    """Its config names no model type and points to remote code; a config in hand decides the class."""
    folder = golden_folder("cogvlm")
    config = native_config(folder)
    assert type(config) is CogVLMConfig
    model = AutoModelForImageTextToText.from_pretrained(folder, config=config)
    assert type(model) is CogVLMForCausalLM


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({"model_type": "mplug_owl2"}, MPLUGOwl2Config),
        ({"architectures": ["MPLUGOwl2LlamaForCausalLM"]}, MPLUGOwl2Config),
        ({"model_type": "", "architectures": ["CogVLMForCausalLM"]}, CogVLMConfig),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, type(None)),
        ({"architectures": ["CogVLMForCausalLM"], "num_multi_query_heads": 8}, type(None)),  # CogVLM2
        (None, type(None)),
    ],
)
def test_other_architectures_are_not_taken_for_ours(values: Any, known: type, tmp_path: Path) -> None:
    if values is not None:
        (tmp_path / "config.json").write_text(json.dumps(values))
    assert type(native_config(tmp_path)) is known


def test_a_model_saved_beside_official_metadata_still_loads_natively(
    tiny_model: Callable[..., Any], tmp_path: Path
) -> None:
    model = tiny_model("cogvlm")
    model.config.auto_map = {"AutoConfig": "remote.CogVLMConfig", "AutoModelForCausalLM": "remote.CogVLM"}
    model.save_pretrained(tmp_path)
    assert "auto_map" in json.loads((tmp_path / "config.json").read_text())
    assert type(AutoModelForCausalLM.from_pretrained(tmp_path)) is CogVLMForCausalLM


def test_nobody_pays_for_these_classes_before_using_them() -> None:
    code = "import adamms, sys; print(sorted({'adamms.models', 'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
