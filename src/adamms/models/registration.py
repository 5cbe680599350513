"""The architectures' places among transformers' Auto classes, and checkpoints that those do not recognise.

The official CogVLM names no `model_type` and points to remote code written for another transformers, so
`AutoConfig` cannot tell what it is. `native_config` can, from the `architectures` entry, without running any
of the checkpoint's code; a config given to an Auto class decides the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers

from adamms.models.cogvlm import CogVLMConfig, CogVLMForCausalLM, CogVLMModel
from adamms.models.cogvlm.processing import CogVLMImageProcessor, CogVLMProcessor
from adamms.models.mplug_owl2 import MPLUGOwl2Config, MPLUGOwl2LlamaForCausalLM, MPLUGOwl2Model
from adamms.models.mplug_owl2.processing import MPLUGOwl2ImageProcessor, MPLUGOwl2Processor
from adamms.models.processing import model_config


@dataclass(frozen=True)
class Family:
    """The classes of one architecture."""

    config: Any
    backbone: Any
    model: Any
    image_processor: Any
    processor: Any

    def owns(self, config: dict[str, Any]) -> bool:
        """Whether a checkpoint's `config.json` is this architecture's."""
        if config.get("model_type"):
            return bool(config["model_type"] == self.config.model_type)
        # CogVLM2 kept the class's name for another architecture, with grouped queries.
        named = self.model.__name__ in (config.get("architectures") or [])
        return named and "num_multi_query_heads" not in config


FAMILIES = (
    Family(CogVLMConfig, CogVLMModel, CogVLMForCausalLM, CogVLMImageProcessor, CogVLMProcessor),
    Family(
        MPLUGOwl2Config,
        MPLUGOwl2Model,
        MPLUGOwl2LlamaForCausalLM,
        MPLUGOwl2ImageProcessor,
        MPLUGOwl2Processor,
    ),
)


def register() -> None:
    """Make both architectures known to the Auto classes; done when the package is imported."""
    for family in FAMILIES:
        transformers.AutoConfig.register(family.config.model_type, family.config, exist_ok=True)
        transformers.AutoModel.register(family.config, family.backbone, exist_ok=True)
        transformers.AutoModelForCausalLM.register(family.config, family.model, exist_ok=True)
        transformers.AutoModelForImageTextToText.register(family.config, family.model, exist_ok=True)
        transformers.AutoTokenizer.register(
            family.config, tokenizer_class=transformers.LlamaTokenizer, exist_ok=True
        )
        # One class for both kinds: with torchvision installed, transformers asks for the other one first.
        transformers.AutoImageProcessor.register(
            family.config,
            image_processor_classes=dict.fromkeys(("pil", "torchvision"), family.image_processor),
            exist_ok=True,
        )
        transformers.AutoProcessor.register(family.config, family.processor, exist_ok=True)


def native_config(place: str | Path) -> Any:
    """The configuration of a checkpoint (folder or hub id) of ours, None if it is another architecture's."""
    values = model_config(place)
    family = next((family for family in FAMILIES if family.owns(values)), None)
    return None if family is None else family.config.from_dict(values)


def native_processor(place: str | Path) -> Any:
    """The processor of a checkpoint (folder or hub id) of ours, None if it is another architecture's."""
    values = model_config(place)
    family = next((family for family in FAMILIES if family.owns(values)), None)
    return None if family is None else family.processor.from_pretrained(place)
