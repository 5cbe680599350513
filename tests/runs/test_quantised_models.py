"""Quantised models in a merge: a donor is read de-quantised, a base is written so, and all is said."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GptOssConfig, GptOssForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import adamms
import adamms.progress
from adamms.adapters import open_model
from adamms.errors import SearchError
from adamms.evaluation.verification import verify
from adamms.mapping import inspect_checkpoint
from small_pairs import write_llava_onevision, write_qwen2_vl

BLOCK = 8


class Told(adamms.progress.Silent):
    """Keeps what a person was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def quantise(folder: Path) -> dict[str, torch.Tensor]:
    """A model's projections in float8 with block scales; what transformers makes of them again."""
    config = json.loads((folder / "config.json").read_text())
    said = {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}
    (folder / "config.json").write_text(
        json.dumps({**config, "dtype": "bfloat16", "quantization_config": said})
    )
    expected = {}
    for shard in sorted(folder.glob("*.safetensors")):
        tensors = load_file(shard)
        for name in [name for name in tensors if name.endswith("_proj.weight")]:
            weight = tensors[name].float()
            rows, columns = (size // BLOCK for size in weight.shape)
            blocks = weight.view(rows, BLOCK, columns, BLOCK)
            scales = blocks.abs().amax(dim=(1, 3)) / 448
            packed = (blocks / scales[:, None, :, None]).view(weight.shape).to(torch.float8_e4m3fn)
            tensors |= {name: packed, f"{name}_scale_inv": scales}
            expected[name] = Fp8Dequantize(None)._dequantize_one(packed, scales, output_dtype=torch.bfloat16)
        save_file(tensors, shard, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    if index.exists():
        placed = {name: shard.name for shard in folder.glob("*.safetensors") for name in load_file(shard)}
        index.write_text(json.dumps({"weight_map": placed}))
    return expected


def tensors_in(folder: Path) -> dict[str, torch.Tensor]:
    return {name: value for shard in folder.glob("*.safetensors") for name, value in load_file(shard).items()}


def test_a_donor_is_what_transformers_reads(tmp_path: Path) -> None:
    base, donor = write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")
    expected = quantise(donor)
    told = Told()
    merged = adamms.merge(base, donor, tmp_path / "out", alpha=1, progress=told)
    out = tensors_in(merged.path)
    for name, values in expected.items():
        assert torch.equal(out[name.removeprefix("language_model.")], values)
    assert len(expected) == 14
    assert any(f"{donor} is quantised (fp8): 14 tensors are read de-quantised" in line for line in told.lines)
    about = json.loads((merged.path / "adamms.json").read_text())
    assert about["donor"]["dequantized"] == "fp8"
    assert "de-quantised from fp8" in (merged.path / "README.md").read_text()
    assert "quantization_config" not in json.loads((merged.path / "config.json").read_text())


def test_a_base_is_written_unquantised(tmp_path: Path) -> None:
    base, donor = write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")
    expected = quantise(base)
    merged = adamms.merge(base, donor, tmp_path / "out", alpha=0)
    out = tensors_in(merged.path)
    plain = tensors_in(write_qwen2_vl(tmp_path / "plain"))
    assert sorted(out) == sorted(plain)
    for name, values in out.items():
        assert torch.equal(values, expected.get(name, plain[name]))
    config = json.loads((merged.path / "config.json").read_text())
    assert "quantization_config" not in config
    parents = next(check for check in verify(merged.path).checks if check.name == "parents")
    assert parents.passed, parents.detail
    with open_model(merged.path) as model:
        assert model.notes == ()
        assert inspect_checkpoint(model).dtypes[0].name == "BF16"


def test_experts_alone_may_be_packed(tmp_path: Path) -> None:
    """gpt-oss: MXFP4 experts, attention in bfloat16."""
    config = GptOssConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=4,
        num_experts_per_tok=2,
        pad_token_id=0,
        eos_token_id=1,
    )
    models, experts = [], []
    for seed in range(2):
        torch.manual_seed(0)
        folder = tmp_path / f"model{seed}"
        GptOssForCausalLM(config).bfloat16().save_pretrained(folder)
        tensors, unpacked = load_file(folder / "model.safetensors"), {}
        generator = torch.Generator().manual_seed(seed)
        for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
            _, groups, rows = tensors.pop(name).shape
            shape = (4, rows, groups // 32)
            blocks = torch.randint(0, 256, (*shape, 16), generator=generator, dtype=torch.uint8)
            scales = torch.randint(115, 122, shape, generator=generator, dtype=torch.uint8)
            tensors |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
            unpacked[name] = convert_moe_packed_tensors(blocks, scales)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        said = json.loads((folder / "config.json").read_text())
        said |= {"quantization_config": {"quant_method": "mxfp4"}}
        (folder / "config.json").write_text(json.dumps(said))
        models.append(folder)
        experts.append(unpacked)
    merged = adamms.merge(*models, tmp_path / "out", alpha=0.5, force=True)
    out = load_file(merged.path / "model.safetensors")
    assert len(experts[0]) == 4
    for name, ours in experts[0].items():
        assert torch.equal(out[name], ((ours.float() + experts[1][name].float()) / 2).bfloat16())
    loaded = AutoModelForCausalLM.from_pretrained(merged.path)
    parameter = loaded.get_parameter("model.layers.1.mlp.experts.down_proj")
    assert torch.equal(parameter, out["model.layers.1.mlp.experts.down_proj"])


def test_a_quantised_base_cannot_answer(tmp_path: Path) -> None:
    base, donor = write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")
    quantise(base)
    (tmp_path / "inputs.jsonl").write_text('{"prompt": "What?"}\n{"prompt": "Why?"}\n')
    with pytest.raises(SearchError, match=r"is quantised \(fp8\).*adamms merge .* --alpha 0 --out DIR"):
        adamms.search(base, donor, tmp_path / "inputs.jsonl", tmp_path / "out")


def test_merged_weights_in_an_adapters_folder(tmp_path: Path) -> None:
    """The adapter's settings do not travel: loading would look for its weights, or for another model."""
    base, donor = write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")
    (base / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "other"}')
    save_file({"x.lora_A.weight": torch.zeros(2, 2)}, base / "adapter_model.safetensors")
    merged = adamms.merge(base, donor, tmp_path / "out", alpha=0.5)
    names = sorted(path.name for path in merged.path.iterdir())
    assert not [name for name in names if name.startswith("adapter")]
    assert "chat_template.jinja" in names
