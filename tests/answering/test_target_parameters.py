"""Every tensor on disk finds its live parameter, as `from_pretrained` has it."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import core_model_loading

import tiny_models
from adamms.answering.target_parameters import target_parameters
from adamms.errors import SearchError


def load(path):
    import transformers

    seeing = any(name in path.name for name in tiny_models.FAMILIES[:-2])
    loader = transformers.AutoModelForImageTextToText if seeing else transformers.AutoModelForCausalLM
    return loader.from_pretrained(path).eval()


def assert_all_land(model, disk):
    live = model.state_dict()
    reached = {}
    for target in target_parameters(model, disk):
        reached |= target.values({name: disk[name] for name in target.sources}, model=model)
    tied = set(model.all_tied_weights_keys)
    assert set(reached) | tied == set(live)
    for name, value in reached.items():
        assert torch.equal(value, live[name]), name


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_names_on_disk_reach_their_parameters_and_back(family, tmp_path):
    path = tiny_models.build(family, tmp_path / family)
    disk = load_file(path / "model.safetensors")
    model = load(path)
    assert_all_land(model, disk)
    back = core_model_loading.revert_weight_conversion(model, model.state_dict())
    assert {name for name, value in disk.items() if torch.equal(back[name], value)} == set(disk)


def test_names_in_memory_are_read_as_well(tmp_path):
    path = tiny_models.build("llava_onevision", tmp_path / "llava_onevision")
    state = {name: value.contiguous() for name, value in load(path).state_dict().items()}
    assert "model.language_model.layers.0.mlp.up_proj.weight" in state
    save_file(state, path / "model.safetensors", metadata={"format": "pt"})
    assert_all_land(load(path), state)


def test_tied_heads(tmp_path):
    path = tiny_models.build("qwen2_vl", tmp_path / "qwen2_vl", tied=True)
    disk = load_file(path / "model.safetensors")
    assert "lm_head.weight" not in disk
    assert_all_land(load(path), disk)


def test_tensors_that_are_fused_on_the_way(tmp_path):
    import transformers

    config = transformers.MixtralConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=12,
    )
    torch.manual_seed(0)
    model = transformers.MixtralForCausalLM(config).eval()
    model.save_pretrained(tmp_path)
    disk = load_file(tmp_path / "model.safetensors")
    assert any("experts.10." in name for name in disk)
    fused = [target for target in target_parameters(model, disk) if len(target.sources) > 1]
    assert fused
    assert all(len(target.sources) in (12, 24) for target in fused)
    assert_all_land(model, disk)


def test_tensors_the_model_does_not_use_are_left_out(tmp_path):
    path = tiny_models.build("llama", tmp_path / "llama")
    model = load(path)
    assert target_parameters(model, ["model.layers.0.self_attn.rotary_emb.inv_freq", "foreign.weight"]) == []


def test_another_transformers_is_named(tmp_path, monkeypatch):
    path = tiny_models.build("llama", tmp_path / "llama")
    model = load(path)
    monkeypatch.delattr(core_model_loading, "rename_source_key")
    with pytest.raises(SearchError, match=r"a search needs transformers>=5\.23,<5\.24"):
        target_parameters(model, ["lm_head.weight"])
