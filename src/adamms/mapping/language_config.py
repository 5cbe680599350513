"""What config.json says about the language model, wherever an architecture nests it.

Only facts that names and shapes cannot tell: the family, the numbers of heads, whether the head is tied.
A missing fact is None and never a reason to refuse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
# Nested configs of a model that is complete by itself, its head included.
OWNERS = ("llm_config", "thinker_config")

# The first that occurs in a model type or class name. (`llava` says nothing about the language model.)
FAMILIES = re.compile(r"qwen3|qwen2|qwen|gemma3|gemma2|gemma|mixtral|mistral|internlm2|llama|phi3|olmo2")
# The LLaVA code base calls its wrapper of Qwen2 `LlavaQwen`.
ALIASES = {"qwen": "qwen2"}


@dataclass(frozen=True)
class LanguageConfig:
    """The language model's part of a config.json."""

    values: Mapping[str, Any]
    family: str | None
    heads: int | None
    key_value_heads: int | None
    tied: bool | None
    """Whether the config says that the head is the embedding table."""


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


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
