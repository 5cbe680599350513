"""Bases that transformers does not run by itself: CogVLM, mPLUG-Owl2, and whatever is in LLaVA's own layout.

They are told by their config and need no remote code. `adamms.models` is imported only for a folder that may
hold one of the first two, whose classes are ours, and `original_llava` only for the third, so a search on any
other base sees neither. The live models are asked by what they offer (`adamms.models.generation`); a model of
transformers' own offers none of it, and then what holds for transformers' models is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CONFIG

if TYPE_CHECKING:
    from torch import Tensor

    from adamms.answering.original_llava import OriginalLlava

# By their model type, or, as the official CogVLM names none, by their class.
_TYPES = ("cogvlm", "mplug_owl2")
_CLASSES = ("CogVLMForCausalLM", "MPLUGOwl2LlamaForCausalLM")


def is_native(config: Mapping[str, Any]) -> bool:
    """Whether a config.json looks like one of the two; `native_config` says so for certain."""
    if config.get("model_type"):
        return config["model_type"] in _TYPES
    named = config.get("architectures")
    return isinstance(named, list) and any(name in _CLASSES for name in named)


def native_config(folder: Path) -> Any:
    """The configuration of a base that runs on our classes, None for any other."""
    if not _may_be_native(folder):
        return None
    from adamms import models

    return models.native_config(folder)


def native_processor(folder: Path) -> Any:
    """The processor of a base that runs on our classes, None for any other."""
    if not _may_be_native(folder):
        return None
    from adamms import models

    return models.native_processor(folder)


def in_llava_layout(config: Mapping[str, Any]) -> bool:
    """Whether a config.json may be of the LLaVA code base; `mapping.architectures.llava_original` knows."""
    return any(key.startswith("mm_") for key in config)


def original_llava(folder: Path, *, vision_tower: str | None = None) -> OriginalLlava | None:
    """The base in `folder` as the LLaVA code base stored it, None for any other.

    Raises:
        SearchError: it is in that layout, in a way that transformers' classes do not compute.
    """
    if not in_llava_layout(_config(folder)):
        return None
    from adamms.answering.original_llava import OriginalLlava

    return OriginalLlava.of(folder, vision_tower=vision_tower)


def is_known(model: Any) -> bool:
    """Whether a live model's class is transformers' or ours, not a checkpoint's own code."""
    return not model.is_custom_code() or type(model).__module__.startswith("adamms.models.")


def language_parameters(model: Any) -> Iterator[Any]:
    """The live parameters that no image's features depend on."""
    if hasattr(model, "language_parameters"):
        yield from model.language_parameters()
        return
    for module in (model.get_decoder(), model.get_input_embeddings(), model.get_output_embeddings()):
        if module is not None:
            yield from module.parameters()


def image_vectors(model: Any, inputs: Mapping[str, Tensor]) -> int:
    """How many vectors the images of a prompt take."""
    if hasattr(model, "image_vectors"):
        return int(model.image_vectors(inputs))
    token = getattr(model.config, "image_token_id", None)
    return 0 if token is None else int(inputs["input_ids"].eq(token).sum())


def cache_length(model: Any, inputs: Mapping[str, Tensor]) -> int:
    """How many positions of the cache a prompt fills; not its ids where the model itself expands images."""
    if hasattr(model, "cache_length"):
        return int(model.cache_length(inputs))
    return inputs["input_ids"].shape[1]


def _may_be_native(folder: Path) -> bool:
    return is_native(_config(folder))


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / "config.json", limit=CONFIG)
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
