"""Small checkpoints with real key names and random weights, for tests of merging and of the command line.

They are layouts, not models: the decoder's names and shapes are right and consistent, the vision side is a
few tensors that must survive untouched. All language models are perturbed copies of one ancestor, unless a
test asks for a stranger.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

HIDDEN, FFN, LAYERS, ROWS = 16, 24, 2, 40


# How far a fine-tuned model is from its ancestor, in units of the ancestor's weights.
DISTANCE = 0.2


def language_model(
    seed: int, *, rows: int = ROWS, dtype: torch.dtype = torch.bfloat16, ancestor: int = 0
) -> dict[str, torch.Tensor]:
    """A Qwen2 decoder's tensors under their plain names: the ancestor's, moved in a direction of its own."""
    common, own = torch.Generator().manual_seed(ancestor), torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        # Tables of fewer rows than the ancestor's are its first ones, and nothing after them moves.
        inherited = torch.randn((max(shape[0], ROWS), *shape[1:]), generator=common)[: shape[0]]
        return (inherited + DISTANCE * torch.randn(shape, generator=own)).to(dtype)

    tensors = {"model.embed_tokens.weight": random(rows, HIDDEN)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        for name, outputs in (("q", HIDDEN), ("k", HIDDEN // 2), ("v", HIDDEN // 2)):
            tensors[f"{at}self_attn.{name}_proj.weight"] = random(outputs, HIDDEN)
            tensors[f"{at}self_attn.{name}_proj.bias"] = random(outputs)
        tensors[f"{at}self_attn.o_proj.weight"] = random(HIDDEN, HIDDEN)
        tensors[f"{at}mlp.gate_proj.weight"] = random(FFN, HIDDEN)
        tensors[f"{at}mlp.up_proj.weight"] = random(FFN, HIDDEN)
        tensors[f"{at}mlp.down_proj.weight"] = random(HIDDEN, FFN)
        tensors[f"{at}input_layernorm.weight"] = random(HIDDEN)
        tensors[f"{at}post_attention_layernorm.weight"] = random(HIDDEN)
    tensors["model.norm.weight"] = random(HIDDEN)
    tensors["lm_head.weight"] = random(rows, HIDDEN)
    return tensors


def text_config(rows: int = ROWS) -> dict[str, object]:
    return {
        "model_type": "qwen2",
        "hidden_size": HIDDEN,
        "intermediate_size": FFN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": rows,
        "tie_word_embeddings": False,
    }


def write_qwen2_vl(
    folder: Path,
    seed: int = 1,
    *,
    dtype: torch.dtype = torch.bfloat16,
    shards: int = 2,
    ancestor: int = 0,
) -> Path:
    """A base: Qwen2-VL's names, sharded, with a vision side and an integer buffer that must survive."""
    tensors = language_model(seed, dtype=dtype, ancestor=ancestor)
    generator = torch.Generator().manual_seed(seed + 100)
    tensors["visual.patch_embed.proj.weight"] = torch.randn((8, 3, 2, 2, 2), generator=generator).to(dtype)
    tensors["visual.merger.mlp.0.bias"] = torch.randn(8, generator=generator).to(dtype)
    tensors["visual.position_ids"] = torch.arange(9).reshape(1, 9)
    folder.mkdir(parents=True)
    _write(folder, tensors, shards)
    config = {**text_config(), "model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps({**config, "vision_config": {"depth": 1}}))
    (folder / "generation_config.json").write_text('{"eos_token_id": 1}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def write_llava_onevision(
    folder: Path,
    seed: int = 2,
    *,
    rows: int = ROWS,
    dtype: torch.dtype = torch.float16,
    shards: int = 1,
    ancestor: int = 0,
) -> Path:
    """A donor: LLaVA-OneVision in the llava-hf naming."""
    tensors = {
        f"language_model.{name}": tensor
        for name, tensor in language_model(seed, rows=rows, dtype=dtype, ancestor=ancestor).items()
    }
    tensors["vision_tower.vision_model.embeddings.patch_embedding.weight"] = torch.ones(
        4, 3, 2, 2, dtype=dtype
    )
    tensors["multi_modal_projector.linear_1.weight"] = torch.ones(HIDDEN, 4, dtype=dtype)
    tensors["image_newline"] = torch.ones(HIDDEN, dtype=dtype)
    folder.mkdir(parents=True)
    _write(folder, tensors, shards)
    config = {"model_type": "llava_onevision", "architectures": ["LlavaOnevisionForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps({**config, "text_config": text_config(rows)}))
    return folder


def _write(folder: Path, tensors: dict[str, torch.Tensor], shards: int) -> None:
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    weight_map = {}
    for number in range(shards):
        shard = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = names[number::shards]
        save_file({name: tensors[name] for name in part}, folder / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, shard)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
