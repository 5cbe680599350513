"""Tiny models as the LLaVA code base stores them, and transformers' models with the same weights.

The names are written out here by hand, from the layouts of the published checkpoints.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tiny_models import write_json

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
}
TOWER = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
TOWER |= {"image_size": 16, "patch_size": 4}
PINPOINTS = [[16, 16], [16, 32], [32, 16], [48, 16]]
TO_ORIGINAL = (
    ("model.language_model.", "model."),
    ("model.multi_modal_projector.linear_1.", "model.mm_projector.0."),
    ("model.multi_modal_projector.linear_2.", "model.mm_projector.2."),
    ("model.vision_tower.", "model.vision_tower.vision_tower.vision_model."),
)
CLASSES = {
    "llava": "LlavaLlamaForCausalLM",
    "share4v": "Share4VLlamaForCausalLM",
    "onevision": "LlavaQwenForCausalLM",
}


def build(family: str, root: Path, *, seed: int = 0, tower_in_checkpoint: bool | None = None) -> Any:
    """Write `root/base` (original layout) and `root/tower`; returns transformers' model of those weights."""
    import torch
    import transformers
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    base, tower = root / "base", root / "tower"
    base.mkdir(parents=True)
    onevision = family == "onevision"
    tokens = len(write_tokenizer(base, family))
    # LLaVA-1.5's table has a row a token, LLaVA-OneVision's has some to spare.
    text = {**TEXT, "vocab_size": tokens + 8 if onevision else tokens}
    vision_type = "siglip_vision_model" if onevision else "clip_vision_model"
    extra: dict[str, Any] = {"vision_use_head": False} if onevision else {"projection_dim": 32}
    values: dict[str, Any] = {
        "text_config": {"model_type": "qwen2" if onevision else "llama", **text},
        "vision_config": {"model_type": vision_type, **TOWER, **extra},
        "image_token_index": tokens if onevision else 0,
    }
    if onevision:
        values |= {"video_token_index": -1, "vision_feature_layer": -1, "vision_aspect_ratio": "anyres_max_2"}
        values["image_grid_pinpoints"] = [[height, width] for width, height in PINPOINTS]
        model: Any = transformers.LlavaOnevisionForConditionalGeneration(
            transformers.LlavaOnevisionConfig(**values)
        )
    else:
        model = transformers.LlavaForConditionalGeneration(
            transformers.LlavaConfig(**values, vision_feature_layer=-2, image_seq_length=16)
        )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.3)
            elif "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0.0, 0.1)
    inside = onevision if tower_in_checkpoint is None else tower_in_checkpoint
    tensors = {original_name(name): value.clone() for name, value in model.state_dict().items()}
    if not inside:
        tensors = {name: value for name, value in tensors.items() if "vision_tower" not in name}
    for layer in range(0 if onevision else 2):
        tensors[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    model.model.vision_tower.save_pretrained(tower)
    config = {
        **text,
        "model_type": "share4v" if family == "share4v" else "llava",
        "architectures": [CLASSES[family]],
        "mm_vision_tower": str(tower),
        "mm_projector_type": "mlp2x_gelu",
        "mm_vision_select_layer": -2,
        "image_aspect_ratio": "anyres_max_2" if onevision else "pad",
    }
    if onevision:
        config |= {"mm_patch_merge_type": "spatial_unpad", "image_grid_pinpoints": PINPOINTS}
    write_json(base / "config.json", config)
    # A tenth of all tokens end an answer, so answers end at differing steps.
    write_json(base / "generation_config.json", {"eos_token_id": list(range(3, 250, 10))})
    return model.eval()


def original_name(name: str) -> str:
    """transformers' name in memory as the LLaVA code base has it."""
    for live, original in TO_ORIGINAL:
        if name.startswith(live):
            return re.sub(f"^{re.escape(live)}", original, name)
    return name


def write_tokenizer(folder: Path, family: str) -> Any:
    """One token a byte; Llama's has a begin and an unknown token, Qwen's neither; none knows images."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<|im_end|>", "<|im_start|>"] if family == "onevision" else ["<unk>", "<s>", "</s>"]
    alphabet = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    core = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    named = {"eos_token": "<|im_end|>"}
    if family != "onevision":
        named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    if family != "onevision":
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, extra_special_tokens=special, **named)
    tokenizer.save_pretrained(folder)
    return tokenizer
