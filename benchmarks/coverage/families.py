"""What the language model of a class is, by its names in memory, and which text-only class it grew from."""

import re
from typing import Any

import transformers
from transformers import CONFIG_MAPPING
from transformers.models.auto import modeling_auto as auto

from benchmarks.coverage.tiny import of_class

# Where it is not `model.language_model`, `model.text_model` or `language_model`, plus `lm_head`.
# Type: (what it is, what it is not).
LANGUAGE_MODELS: dict[str, tuple[str, str]] = {
    "blip": (r"text_decoder\.", r"$^"),
    "chameleon": (r"model\.|lm_head", r"model\.vqmodel"),
    "evolla": (r"model\.|lm_head", r"model\.protein_encoder|\.adapter\."),
    "git": (r"git\.embeddings|git\.encoder|output", r"$^"),
    "idefics": (r"model\.(embed_tokens|layers|norm|gated_cross_attn_layers)|lm_head", r"$^"),
    "mistral4": (r"", r"$^"),
    "phi4_multimodal": (r"", r"embed_tokens_extend"),
    "pi0": (r"model\.vlm\.language_model", r"$^"),
    "pix2struct": (r"decoder\.", r"$^"),
    "pp_formulanet": (r"model\.decoder|lm_head", r"$^"),
    "t5gemma2": (r"model\.encoder\.text_model|model\.decoder|lm_head", r"$^"),
    "udop": (r"shared|encoder|decoder|lm_head", r"\.patch_embed|cell_2d|relative_bias"),
    "vision-encoder-decoder": (r"decoder\.", r"$^"),
    "diffusion_gemma": (r"model\.(encoder\.language_model|decoder)|lm_head", r"$^"),
    "kyutai_speech_to_text": (r"model\.|lm_head", r"$^"),
    "qwen2_5_omni": (r"thinker\.(model\.language_model|lm_head)", r"$^"),
    "qwen3_omni_moe": (r"thinker\.(model\.language_model|lm_head)", r"$^"),
    "florence2": (r"model\.language_model|lm_head", r"$^"),
}
DEFAULT = (r"(model\.)?(language_model|text_model)\.|lm_head", r"$^")


# Text-only models whose type is another: VLM type -> (causal type, fields of the config, renames).
SIBLINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "cosmos3_omni": ("qwen3", {}),
    "qwen2_vl": ("qwen2", {}),
    "qwen2_5_vl": ("qwen2", {}),
    "qwen2_5_omni_thinker": ("qwen2", {}),
    "qwen2_5_omni": ("qwen2", {}),
    "qwen3_vl": ("qwen3", {}),
    "qwen3_vl_moe": ("qwen3_moe", {"num_experts": 4}),
    "qwen3_omni_moe_thinker": ("qwen3_moe", {"num_experts": 4}),
    "qwen3_omni_moe": ("qwen3_moe", {"num_experts": 4}),
    "glm4v": ("glm4", {"head_dim": 16}),
    "glm46v": ("glm4", {"head_dim": 16}),
    "glmga": ("glm4", {"head_dim": 16}),
    "glm_ocr": ("glm4", {"head_dim": 16}),
    "glm4v_moe": ("glm4_moe", {}),
    "mllama": ("llama", {"num_hidden_layers": 2}),
    "granite4_vision": ("granite", {}),
    "granite_docling": ("granite", {}),
    "paddleocr_vl": ("ernie4_5", {}),
    "ernie4_5_vl_moe": ("ernie4_5_moe", {}),
    "hunyuan_vl": ("hunyuan_v1_dense", {}),
    "emu3": ("llama", {}),
    "evolla": ("llama", {}),
    "idefics": ("llama", {}),
    "phi4_multimodal": ("phi3", {}),
    "molmo2": ("qwen3", {}),
    "pi0": ("gemma", {}),
    "voxtral_realtime": ("mistral", {}),
}

PREFIXES = (
    "model.encoder.language_model.",
    "model.vlm.language_model.",
    "model.language_model.model.",
    "language_model.model.",
    "model.language_model.",
    "model.text_model.",
    "language_model.",
)


def in_language_model(model_type: str, name: str) -> bool:
    """Whether a parameter in memory belongs to the language model."""
    inside, outside = LANGUAGE_MODELS.get(model_type, DEFAULT)
    return bool(re.match(inside, name)) and not re.search(outside, name)


def sibling(model_type: str, model: Any) -> Any | None:
    """A text-only model of the same text configuration; None where transformers has no such class."""
    tied = not any(
        re.match(r"(thinker\.|language_model\.)?lm_head\.weight", name)
        for name, _ in model.named_parameters()
    )
    text = _text_config(model_type, model.config)
    classes = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if model_type in SIBLINGS:
        kind, fields = SIBLINGS[model_type]
        known = CONFIG_MAPPING[kind]().to_dict()
        own = ("model_type", "architectures", "transformers_version", "_name_or_path")
        values = {key: value for key, value in text.to_dict().items() if key in known and key not in own}
        if kind == "llama":
            values["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0}
        config = CONFIG_MAPPING[kind](**{**values, "tie_word_embeddings": tied, **fields})
        return of_class(config, getattr(transformers, classes[kind]), seed=1)
    if text.model_type not in classes or classes[text.model_type] == type(model).__name__:
        return None
    config = type(text).from_dict({**text.to_dict(), "tie_word_embeddings": tied})
    return of_class(config, getattr(transformers, classes[text.model_type]), seed=1)


def _text_config(model_type: str, config: Any) -> Any:
    if hasattr(config, "thinker_config"):
        return config.thinker_config.text_config
    return config.vlm_config.text_config if model_type == "pi0" else config.get_text_config(decoder=True)


def name_in_sibling(model_type: str, name: str, config: Any) -> str | None:
    """What the text-only class calls a parameter of the language model in memory; None where it has none."""
    if model_type == "mllama" and (match := re.search(r"layers\.(\d+)\.", name)):
        crossing, layer = config.get_text_config().cross_attention_layers, int(match[1])
        if layer in crossing:
            return None
        name = name.replace(match[0], f"layers.{layer - sum(other < layer for other in crossing)}.")
    name = name.removeprefix("thinker.")
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
    if prefix is None:
        return name
    rest = name.removeprefix(prefix)
    return rest if rest.startswith("lm_head") else f"model.{rest}"
