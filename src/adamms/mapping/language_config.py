"""What config.json says about the language model, wherever an architecture nests it.

Only facts that names and shapes cannot tell: the family, the numbers of heads, whether the head is tied, and
what gives equal weights another meaning. A missing fact is None and never a reason to refuse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NESTED = ("text_config", "llm_config", "language_config", "thinker_config", "vlm_config")
# Nested configs of a model that is complete by itself, its head included.
OWNERS = ("llm_config", "thinker_config")

# The first that occurs in a model type or class name. (`llava` says nothing about the language model.)
FAMILIES = re.compile(
    r"qwen3|qwen2|qwen|gemma3|gemma2|gemma|mixtral|mistral|internlm2|llama|phi3|(?<!m)olmo2"
)
# The LLaVA code base calls its wrapper of Qwen2 `LlavaQwen`.
ALIASES = {"qwen": "qwen2"}

# Model types whose norms multiply by 1 + w; all others multiply by w.
ONE_PLUS_WEIGHT = re.compile(
    r"(?<!diffusion_)gemma(?!3n|4)|qwen3_next|qwen3_5|qwen4_exp|minimax_m3|muse_|step3p\d"
)
# Activations that are the same function or nearly so have one name here.
ACTIVATIONS = {
    "swish": "silu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_python": "gelu",
    "quick_gelu": "gelu",
}


@dataclass(frozen=True)
class LanguageConfig:
    """The language model's part of a config.json."""

    values: Mapping[str, Any]
    family: str | None
    heads: int | None
    key_value_heads: int | None
    tied: bool | None
    """Whether the config says that the head is the embedding table."""

    @property
    def numerics(self) -> dict[str, object]:
        """What gives equal shapes another meaning, in words; what the config does not say is left out.

        Models that differ in any of these compute something else with the same weights.
        """
        activation = _first(self.values, "hidden_act", "hidden_activation", "activation_function")
        if isinstance(activation, str):
            activation = ACTIVATIONS.get(activation, activation)
        # Granite and Cohere multiply what the common families leave alone, whose configs have no word for it.
        kind = self.values.get("model_type")
        multiplier = 1.0 if isinstance(kind, str) and FAMILIES.search(kind) else None
        facts = {
            "norm convention": self._norm_convention(),
            "activation": activation,
            "attention scaling": _first(self.values, "query_pre_attn_scalar", "attention_multiplier"),
            "embedding multiplier": self.values.get("embedding_multiplier", multiplier),
            "residual multiplier": self.values.get("residual_multiplier", multiplier),
            "logits scaling": _first(self.values, "logits_scaling", "logit_scale") or multiplier,
        }
        return {name: value for name, value in facts.items() if value is not None}

    @property
    def positions(self) -> dict[str, object]:
        """What relatives may differ in, as training at another length or precision changes it."""
        theta, scaling, partial = _rope(self.values)
        facts = {
            "rope_theta": theta,
            "rope scaling": scaling,
            "partial_rotary_factor": partial,
            "norm epsilon": _first(
                self.values, "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps"
            ),
            "attention window": _window(self.values),
            "attention soft-capping": self.values.get("attn_logit_softcapping"),
            "logit soft-capping": self.values.get("final_logit_softcapping"),
        }
        return {name: value for name, value in facts.items() if value is not None}

    def _norm_convention(self) -> str | None:
        kind = self.values.get("model_type")
        if not isinstance(kind, str) or not kind:
            return None
        if ONE_PLUS_WEIGHT.search(kind):
            return "1 + w"
        # A wrapper's own type, where its language model's config is not understood, tells nothing.
        return "w" if "hidden_size" in self.values else None


def language_config(config: Mapping[str, Any]) -> LanguageConfig:
    """Read the language model's facts from a whole config.json."""
    text = _innermost(config)
    return LanguageConfig(
        values=text,
        family=_family(text) or _family(config),
        heads=_number(text.get("num_attention_heads")),
        key_value_heads=_number(text.get("num_key_value_heads")),
        tied=_tied(config),
    )


def _innermost(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in NESTED:
        if isinstance(inner := config.get(key), dict):
            return _innermost(inner)
    return config


def _tied(config: Mapping[str, Any]) -> bool | None:
    """What `tie_word_embeddings` says to the class that owns the head.

    transformers asks the model's own config and no nested one, which may state another class's default. A
    model inside a model (the thinker of Qwen-Omni, remote code's `llm_config`) owns its head itself.
    """
    stated = config.get("tie_word_embeddings")
    own = stated if isinstance(stated, bool) else None
    for key in NESTED:
        if isinstance(inner := config.get(key), dict):
            nested = _tied(inner)
            first, second = (nested, own) if key in OWNERS else (own, nested)
            return second if first is None else first
    return own


def _family(config: Mapping[str, Any]) -> str | None:
    classes = config.get("architectures")
    names = [config.get("model_type"), *(classes if isinstance(classes, list) else ())]
    for name in names:
        if isinstance(name, str) and (match := FAMILIES.search(name.lower())):
            return ALIASES.get(match.group(), match.group())
    return None


def _rope(config: Mapping[str, Any]) -> tuple[str | None, str | None, object]:
    """The bases of the rotary frequencies, how they are scaled, and the share of a head that is rotated.

    Configs give one setting, flat or as `rope_parameters`, or one for every kind of attention.
    """
    given = _first(config, "rope_parameters", "rope_scaling")
    given = given if isinstance(given, dict) else {}
    kinds = [kind for kind in given.values() if isinstance(kind, dict)] or [given]
    bases = [kind.get("rope_theta") for kind in kinds]
    bases += [config.get(key) for key in ("rope_theta", "rope_local_base_freq", "rotary_emb_base")]
    numbers = sorted(dict.fromkeys(float(base) for base in bases if isinstance(base, int | float)))
    scalings = [_scaling(kind) for kind in kinds]
    partial = next(
        (kind["partial_rotary_factor"] for kind in kinds if kind.get("partial_rotary_factor")), None
    )
    return (
        " and ".join(f"{number:g}" for number in numbers) or None,
        " and ".join(dict.fromkeys(scaling for scaling in scalings if scaling))
        or ("none" if numbers else None),
        partial if partial is not None else config.get("partial_rotary_factor"),
    )


def _scaling(rope: Mapping[str, Any]) -> str | None:
    kind = _first(rope, "rope_type", "type")
    if kind in (None, "default", "mrope", "su") and not rope.get("factor"):
        return None
    factor = rope.get("factor")
    return f"{kind} by {factor:g}" if isinstance(factor, int | float) else str(kind)


def _window(config: Mapping[str, Any]) -> object:
    if config.get("use_sliding_window") is False:
        return None
    return config.get("sliding_window")


def _first(config: Mapping[str, Any], *keys: str) -> Any:
    return next((config[key] for key in keys if config.get(key) is not None), None)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
