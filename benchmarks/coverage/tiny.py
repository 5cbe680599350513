"""Small random models of every multimodal generative class of transformers, from its default configuration.

A field is shrunk by its name (`sizes`), a model type that needs more has a line in `patches`.
"""

import os
import warnings
from collections.abc import Iterable
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING
from transformers.models.auto import modeling_auto as auto

from benchmarks.coverage.patches import PATCHES
from benchmarks.coverage.sizes import (
    EXPERT_INNER,
    EXPERTS,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    INNER,
    KV,
    LAYER_COUNTS,
    LAYER_INDEXES,
    LAYERS,
    LIMIT,
    PER_LAYER,
    SMALL,
    TOPK,
    TOWER_COUNTS,
    VOCAB,
)

TOWERS = ("vision", "audio", "encoder", "qformer", "vq")
HEARING = ("audio", "flamingo", "speech", "voxtral")


def model_types() -> dict[str, str]:
    """Model types and their classes: all that see, and those that hear and speak text."""
    heard = auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.items()
    return dict(auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES) | {
        name: cls for name, cls in heard if any(word in name for word in HEARING)
    }


def build(model_type: str) -> Any:
    """A small random model of a type, in float32.

    Raises:
        ValueError: its configuration is not shrunk far enough.
    """
    _replace_timm()
    values = CONFIG_MAPPING[model_type]().to_dict()
    _shrink(values)
    _patch(values, PATCHES.get(model_type, {}))
    config = CONFIG_MAPPING[model_type].from_dict(values)
    return of_class(config, getattr(transformers, model_types()[model_type]))


def of_class(config: Any, cls: Any, *, seed: int = 0) -> Any:
    """A random model of a class and a configuration.

    Raises:
        ValueError: it would be large.
    """
    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in cls(config).parameters())
    if size > LIMIT:
        raise ValueError(f"{size / 1e6:.0f} M parameters: {cls.__name__} is not shrunk far enough")
    torch.manual_seed(seed)
    return cls(config).eval()


def quiet() -> None:
    """One thread, and no bars or warnings: the classes' defaults are not made for such sizes."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    warnings.simplefilter("ignore")


def _replace_timm() -> None:
    """Two classes ask timm for their tower; a convolution does where timm is not installed."""
    from transformers import AutoModel, Gemma3nVisionConfig, PreTrainedModel, TimmWrapperConfig

    for kind in (TimmWrapperConfig, Gemma3nVisionConfig):

        class Tower(PreTrainedModel):
            config_class = kind

            def __init__(self, config: Any) -> None:
                super().__init__(config)
                self.conv = torch.nn.Conv2d(3, 64, 14, 14)
                self.post_init()

        AutoModel.register(kind, Tower, exist_ok=True)


def _patch(values: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict) and not value.get("__replace__"):
            _patch(values[key], value)
        elif isinstance(value, dict):
            values[key] = {name: inner for name, inner in value.items() if name != "__replace__"}
        else:
            values[key] = value


def _shrink(values: dict[str, Any], inside: str = "") -> None:
    layers = 2 if any(word in inside for word in TOWERS) else LAYERS
    heads, kv = (_first(values, names) for names in (HEADS, KV))
    for key, value in list(values.items()):
        if isinstance(value, dict):
            if key in ("rope_parameters", "rope_scaling"):
                _shrink_rope(value)
            elif key not in ("id2label", "label2id"):
                _shrink(value, inside=key)
        elif isinstance(value, bool) or value is None:
            continue
        elif isinstance(value, int):
            values[key] = _number(key, value, layers=layers, heads=heads, kv=kv)
        elif isinstance(value, list) and key in PER_LAYER:
            values[key] = _first_layers(value, layers)
        elif isinstance(value, list) and key in LAYER_INDEXES:
            values[key] = [0, 1][: len(value)]


def _first(values: dict[str, Any], names: Iterable[str]) -> int | None:
    return next((value for key, value in values.items() if key in names and isinstance(value, int)), None)


def _first_layers(value: list[Any], layers: int) -> list[Any]:
    """The first entries, with every kind that occurs later among them."""
    first = value[:layers]
    later = {str(entry): entry for entry in value if str(entry) not in map(str, first)}
    if later and all(isinstance(entry, str) for entry in value):
        first = [*first[: max(1, layers - len(later))], *later.values()][:layers]
    return first


def _shrink_rope(values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _shrink_rope(value)
        elif key == "mrope_section" and value:
            values[key] = [2, 3, 3]


def _number(key: str, value: int, *, layers: int, heads: int | None, kv: int | None) -> int:
    fixed = (
        (HIDDEN, 64),
        (INNER, 96),
        (EXPERT_INNER, 32),
        (HEADS, 4),
        (EXPERTS, 4),
        (("vocab_size",), VOCAB),
    )
    for names, small in fixed:
        if key in names:
            return small
    if key in KV:
        return 4 if heads is None or value >= heads else (1 if value == 1 else 2)
    if key in HEAD_DIM:
        return 16 if value else value
    for names, most in ((LAYER_COUNTS, layers), (TOWER_COUNTS, 2), (TOPK, 2)):
        if key in names:
            return min(most, value)
    if key in SMALL:
        return min(SMALL[key], value)
    if key == "image_size":
        return 56 if value % 14 == 0 else 64
    if key == "patch_size" and value > 16:
        return 16
    if value >= VOCAB and key.endswith(("_id", "_index", "_token_ids")):
        return 300 + sum(map(ord, key)) % 80
    return value
