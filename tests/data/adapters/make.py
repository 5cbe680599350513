"""Makes the adapters of this folder with PEFT itself, and what its merge_and_unload gives.

Run in an environment with torch, transformers and peft (their versions are in each case's `versions.json`):

    PYTHONPATH=tests python tests/data/adapters/make.py tests/data/adapters

The models are stored in bfloat16 and merged by PEFT in float32: what is expected is PEFT's own float32 sum.
Of every tensor that PEFT changed a few rows are kept; large tensors that it left alone are left out.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

from tiny_models import build

ROWS, LARGE = 3, 8000
DECODER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": (
        "qwen2_vl",
        {
            "r": 4,
            "lora_alpha": 6,
            "use_rslora": True,
            "rank_pattern": {"q_proj": 2},
            "alpha_pattern": {"layers.0.self_attn.v_proj": 32},
            "target_modules": [*DECODER, "qkv", "proj"],
            "modules_to_save": ["norm"],
            "bias": "lora_only",
        },
    ),
    "dora": (
        "llava_onevision",
        {
            "r": 3,
            "lora_alpha": 8,
            "use_dora": True,
            "target_modules": ["q_proj", "down_proj", "linear_1", "patch_embedding"],
            "modules_to_save": ["norm"],
        },
    ),
    "embedding": (
        "qwen2",
        {"r": 2, "lora_alpha": 3, "target_modules": ["embed_tokens"]},
    ),
    "transposed": (
        "gpt2",
        {
            "r": 2,
            "lora_alpha": 5,
            "fan_in_fan_out": True,
            "lora_bias": True,
            "target_modules": ["c_attn", "c_proj"],
        },
    ),
}


def tiny(family: str, folder: Path) -> Any:
    """A random model in bfloat16, loaded in float32."""
    if family == "gpt2":
        torch.manual_seed(3)
        config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=20, n_positions=8)
        transformers.GPT2LMHeadModel(config).to(torch.bfloat16).save_pretrained(folder)
        return transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    build(family, folder, seed=3, dtype="bfloat16", layers=1)
    class_ = (
        transformers.AutoModelForCausalLM if family == "qwen2" else transformers.AutoModelForImageTextToText
    )
    return class_.from_pretrained(folder, dtype=torch.float32)


def make(case: str, target: Path) -> None:
    family, settings = CASES[case]
    with tempfile.TemporaryDirectory() as scratch:
        base, merged = Path(scratch) / "base", Path(scratch) / "merged"
        model = tiny(family, base)
        before = {name: value.float() for name, value in load_file(base / "model.safetensors").items()}
        wrapped = peft.get_peft_model(model, peft.LoraConfig(**settings))
        torch.manual_seed(7)
        with torch.no_grad():
            for name, parameter in wrapped.named_parameters():
                if parameter.requires_grad and "magnitude" in name:
                    parameter.mul_(torch.empty_like(parameter).uniform_(0.5, 1.5))
                elif parameter.requires_grad:
                    parameter.add_(0.2 * torch.randn_like(parameter))
        shutil.rmtree(target / case, ignore_errors=True)
        wrapped.save_pretrained(target / case / "adapter")
        (target / case / "adapter" / "README.md").unlink(missing_ok=True)
        wrapped.merge_and_unload().save_pretrained(merged)
        after = load_file(merged / "model.safetensors")
        assert sorted(after) == sorted(before)
        changed = {
            name: value[:: max(len(value) // ROWS, 1)][:ROWS].contiguous()
            for name, value in after.items()
            if not torch.equal(value, before[name])
        }
        (target / case / "base").mkdir()
        shutil.copyfile(base / "config.json", target / case / "base" / "config.json")
        stored = load_file(base / "model.safetensors")
        few = {name: each for name, each in stored.items() if name in changed or each.numel() < LARGE}
        save_file(few, target / case / "base" / "model.safetensors")
        save_file(changed, target / case / "expected.safetensors")
    config = target / case / "adapter" / "adapter_config.json"
    values = json.loads(config.read_text()) | {"base_model_name_or_path": f"somebody/{family}"}
    config.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
    versions = {module.__name__: module.__version__ for module in (peft, torch, transformers)}
    (target / case / "versions.json").write_text(json.dumps(versions) + "\n")


if __name__ == "__main__":
    for each in CASES:
        make(each, Path(sys.argv[1]))
