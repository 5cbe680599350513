"""The three model classes of the zoo at their small size: configurations, and growing a family from theta_0.

All are transformers' own classes. The language model is the same in the three (that is what makes a merge
possible); the vision towers differ on purpose: Qwen2-VL's ViT against SigLIP. Knows nothing of training.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from adamms.zoo.vocabulary import (
    LLAVA_ONEVISION_SPECIALS,
    PADDING,
    QWEN2_VL_SPECIALS,
    TURN_END,
    vocabulary,
)

Family = Literal["qwen2-vl", "llava-onevision"]
FAMILIES: tuple[Family, ...] = ("qwen2-vl", "llava-onevision")
SPECIALS: dict[Family, tuple[str, ...]] = {
    "qwen2-vl": QWEN2_VL_SPECIALS,
    "llava-onevision": LLAVA_ONEVISION_SPECIALS,
}
# More rows than tokens, and not the same number in each, as in the models these imitate.
ROWS = {"pretrained": 128, "qwen2-vl": 144, "llava-onevision": 136}
HIDDEN, EMBEDDING_STD, MATRIX_STD = 128, 0.4, 0.07


def language_settings(rows: int) -> dict[str, Any]:
    """Return the settings of the language model, the same in all three but for the number of `rows`."""
    ids = vocabulary()
    return {
        "vocab_size": rows,
        "hidden_size": HIDDEN,
        "intermediate_size": 320,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "bos_token_id": None,
        "eos_token_id": ids[TURN_END],
        "pad_token_id": ids[PADDING],
    }


def pretrained_model() -> Any:
    """Return a fresh Qwen2ForCausalLM, initialised so that so small a model learns (0.02 stalls)."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        **language_settings(ROWS["pretrained"]),
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False,
        attn_implementation="eager",  # SDPA's backward is twice as slow on a CPU at this size
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=MATRIX_STD)
        nn.init.normal_(model.get_input_embeddings().weight, std=EMBEDDING_STD)
    return model


def family_model(family: Family, pretrained: Any) -> Any:
    """Grow a multimodal model of `family` around a copy of the language model theta_0; its tower is fresh."""
    model = _qwen2_vl() if family == "qwen2-vl" else _llava_onevision()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ("visual." in name or "vision_tower." in name or "projector" in name) and parameter.dim() >= 2:
                nn.init.normal_(parameter, std=min(MATRIX_STD, parameter[0].numel() ** -0.5))
        text = model.model.language_model
        state = pretrained.model.state_dict()
        rows = len(vocabulary())
        text.embed_tokens.weight[:rows] = state.pop("embed_tokens.weight")[:rows]
        nn.init.normal_(text.embed_tokens.weight[rows:], std=EMBEDDING_STD)
        nn.init.normal_(model.lm_head.weight[rows:], std=0.02)
        model.lm_head.weight[:rows] = pretrained.lm_head.weight[:rows]
        text.load_state_dict(state, strict=False)
    return model


def _qwen2_vl() -> Any:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    ids = vocabulary(QWEN2_VL_SPECIALS)
    config = Qwen2VLConfig(
        text_config={
            **language_settings(ROWS["qwen2-vl"]),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
        },
        vision_config={
            "depth": 3,
            "embed_dim": 64,
            "num_heads": 4,
            "mlp_ratio": 3,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "hidden_size": HIDDEN,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
        attn_implementation="eager",
    )
    return Qwen2VLForConditionalGeneration(config)


def _llava_onevision() -> Any:
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

    ids = vocabulary(LLAVA_ONEVISION_SPECIALS)
    config = LlavaOnevisionConfig(
        text_config={
            "model_type": "qwen2",
            **language_settings(ROWS["llava-onevision"]),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "tie_word_embeddings": False,
        },
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 96,
            "intermediate_size": 224,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_size": 48,
            "patch_size": 16,
            "vision_use_head": False,
        },
        image_token_index=ids["<image>"],
        video_token_index=ids["<video>"],
        image_grid_pinpoints=[[48, 48]],
        tie_word_embeddings=False,
        attn_implementation="eager",
    )
    return LlavaOnevisionForConditionalGeneration(config)


def language_parameters(model: Any) -> dict[str, Tensor]:
    """Return the language model's parameters under theta_0's names (`model.layers.*`, `lm_head.weight`)."""
    if hasattr(model.model, "language_model"):
        text = {f"model.{name}": value for name, value in model.model.language_model.named_parameters()}
        return {**text, "lm_head.weight": model.lm_head.weight}
    return dict(model.named_parameters())
