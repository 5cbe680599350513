"""Mixtures across layouts, with transformers' own classes: what it saves, merges as it is in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from adamms.api import merge
from adamms.checkpoints import Checkpoint
from adamms.mapping import map_parameters

EXPERTS = 4
LANGUAGE: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "num_experts": EXPERTS,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 12,
    "tie_word_embeddings": False,
}
QWEN_TOWER: dict[str, Any] = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_heads": 2,
    "patch_size": 4,
    "out_hidden_size": 32,
    "num_position_embeddings": 16,
    "deepstack_visual_indexes": [0],
}
CLIP_TOWER: dict[str, Any] = {
    "model_type": "clip_vision_model",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}
AUDIO: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "output_dim": 32,
    "downsample_hidden_size": 8,
}


def qwen3_vl_moe() -> Any:
    config = transformers.Qwen3VLMoeConfig(
        text_config=LANGUAGE, vision_config=QWEN_TOWER, tie_word_embeddings=False
    )
    return transformers.Qwen3VLMoeForConditionalGeneration(config)


def qwen3_moe() -> Any:
    return transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(**LANGUAGE))


def qwen3_omni() -> Any:
    tower = {key: value for key, value in QWEN_TOWER.items() if key != "num_position_embeddings"}
    config = transformers.Qwen3OmniMoeThinkerConfig(
        text_config=LANGUAGE, vision_config=tower, audio_config=AUDIO, tie_word_embeddings=False
    )
    return transformers.Qwen3OmniMoeThinkerForConditionalGeneration(config)


def mixtral_config() -> Any:
    values = {key: value for key, value in LANGUAGE.items() if "experts" not in key and "moe" not in key}
    return transformers.MixtralConfig(**values, num_local_experts=EXPERTS, num_experts_per_tok=2)


def mixtral() -> Any:
    return transformers.MixtralForCausalLM(mixtral_config())


def llava_mixtral() -> Any:
    config = transformers.LlavaConfig(
        text_config=mixtral_config(),
        vision_config=CLIP_TOWER,
        image_token_index=95,
        tie_word_embeddings=False,
    )
    return transformers.LlavaForConditionalGeneration(config)


ERNIE: dict[str, Any] = {
    key: value
    for key, value in LANGUAGE.items()
    if key not in ("num_experts", "num_experts_per_tok", "head_dim")
} | {"moe_num_experts": EXPERTS, "moe_k": 2, "moe_num_shared_experts": 1, "moe_layer_start_index": 1}


def ernie() -> Any:
    return transformers.Ernie4_5_MoeForCausalLM(transformers.Ernie4_5_MoeConfig(**ERNIE))


def ernie_vl() -> Any:
    """Twice as many experts on disk: those for images are counted on, and the router is transposed."""
    rope = {"rope_type": "default", "rope_theta": 500_000.0, "mrope_section": [1, 1, 2]}
    text = ERNIE | {"moe_intermediate_size": [12, 12], "rope_parameters": rope}
    tower = {"depth": 1, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4}
    config = transformers.Ernie4_5_VLMoeConfig(
        text_config=text, vision_config=tower, tie_word_embeddings=False
    )
    return transformers.Ernie4_5_VLMoeForConditionalGeneration(config)


def as_saved(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors


def transposed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Stacks as Qwen's own checkpoints have them: `[experts, in, out]`."""
    return {
        name: value.transpose(1, 2).contiguous() if "experts." in name and value.dim() == 3 else value
        for name, value in tensors.items()
    }


def language(name: str) -> str | None:
    """A parameter of a language model under a name that all classes share, None for any other."""
    for prefix in ("model.language_model.", "model."):
        if name.startswith(prefix) and not name.startswith("model.visual"):
            rest = name.removeprefix(prefix).replace(".text_moe.", ".")
            own = rest.startswith(("layers.", "embed_tokens.", "norm.")) and ".vision_moe." not in rest
            return rest if own else None
    return name if name.startswith("lm_head.") else None


def save(model: Any, folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    model.save_pretrained(folder)
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("base", "base_as", "donor", "donor_as"),
    [
        (qwen3_vl_moe, as_saved, qwen3_moe, as_saved),
        (qwen3_vl_moe, transposed, qwen3_moe, as_saved),
        (qwen3_vl_moe, transposed, qwen3_vl_moe, as_saved),
        (qwen3_vl_moe, as_saved, qwen3_vl_moe, transposed),
        (qwen3_vl_moe, transposed, qwen3_omni, as_saved),
        (qwen3_moe, as_saved, qwen3_vl_moe, transposed),
        (qwen3_omni, as_saved, qwen3_vl_moe, transposed),
        (llava_mixtral, as_saved, mixtral, as_saved),
        (mixtral, as_saved, llava_mixtral, as_saved),
        (ernie_vl, as_saved, ernie, as_saved),
        (ernie, as_saved, ernie_vl, as_saved),
    ],
    ids=lambda value: value.__name__,
)
def test_merged_in_memory(base: Any, base_as: Any, donor: Any, donor_as: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours, theirs = base(), donor()
    named = {language(name): value for name, value in ours.named_parameters() if language(name)}
    with torch.no_grad():
        for value in ours.parameters():
            value.add_(0.05 * torch.randn_like(value))
        for name, value in theirs.named_parameters():
            if shared := language(name):
                value.copy_(named[shared] + 0.01 * torch.randn_like(value))
    donors = {language(name): value.detach() for name, value in theirs.named_parameters() if language(name)}
    assert sorted(donors) == sorted(named)
    before = {name: value.detach().clone() for name, value in ours.named_parameters()}
    folders = save(ours, tmp_path / "base", base_as), save(theirs, tmp_path / "donor", donor_as)
    merge(*folders, out=tmp_path / "merged", alpha=0.25)
    loaded, info = type(ours).from_pretrained(tmp_path / "merged", output_loading_info=True)
    assert not any(info.values())
    for name, value in loaded.named_parameters():
        shared = language(name)
        expected = before[name] * 0.75 + donors[shared] * 0.25 if shared else before[name]
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-7)
        assert shared is None or not torch.equal(value, before[name])


def test_interleaved_stacks_map_as_they_are(tmp_path: Path) -> None:
    values = {key: value for key, value in LANGUAGE.items() if "experts" not in key and "moe" not in key}
    config = transformers.GptOssConfig(
        **{**values, "intermediate_size": 32}, num_local_experts=EXPERTS, num_experts_per_tok=2
    )
    for name in ("base", "donor"):
        transformers.GptOssForCausalLM(config).save_pretrained(tmp_path / name)
    with Checkpoint.open(tmp_path / "base") as base, Checkpoint.open(tmp_path / "donor") as donor:
        mapping = map_parameters(base, donor)
    assert mapping.totals.kept == mapping.totals.partly == 0
    assert all(
        segment.donor == name and segment.is_plain
        for name, entry in mapping.tensors.items()
        for segment in entry.segments
    )
