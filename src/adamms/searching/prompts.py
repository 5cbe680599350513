"""One question, taken apart into what stays the same for every candidate.

transformers' own `generate` prepares a question: positions (three-dimensional ones too), image features,
logits processors, end tokens. It is asked to do so once, through its `custom_generate` hook, and stopped
before the first token; what it prepared is kept and used again for every candidate (section 3.3). So nothing
here is a second opinion on how a family counts positions or penalises repetition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from adamms.searching.vision import Vision, join, keep

GREEDY = {"do_sample": False, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
"""What a search asks of `generate`, whatever the checkpoint's generation config says of sampling."""

_PIXELS = ("pixel_values", "pixel_values_images", "image_patches")
_TYPES = ("token_type_ids", "mm_token_type_ids")
# What a batch is put together from; any other input of a model is its own business (see `Prompt.joinable`).
_KNOWN = {
    "attention_mask",
    "position_ids",
    "past_key_values",
    "use_cache",
    "logits_to_keep",
    "mm_encoder_outputs",
}


@dataclass(frozen=True)
class Prompt:
    """A prepared question; every tensor is in main memory and has a batch of one."""

    id: str
    ids: Tensor
    """Token ids, (1, length)."""
    limit: int
    """At most this many new tokens."""
    ends: tuple[int, ...]
    """Tokens that end an answer."""
    joinable: bool
    """Whether it may share a batch; otherwise `inputs` go to the model's own `generate`, one by one."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    positions: Tensor | None = None
    """Position ids, (..., 1, length)."""
    types: Mapping[str, Tensor] = field(default_factory=dict)
    vision: Vision | None = None
    processors: Sequence[Any] = ()
    """transformers' logits processors for this prompt alone."""

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return self.ids.shape[1]


def take_apart(
    model: Any, inputs: Mapping[str, Tensor], *, id: str, limit: int, vision: Vision | None = None
) -> Prompt:
    """Let `generate` prepare one question and keep what it prepared.

    Args:
        model: the live model; which candidate it is does not matter.
        inputs: what the processor emitted, a batch of one.
        id: the question's.
        limit: the most new tokens to generate.
        vision: the features of the same images, where another question already had them encoded.
    """
    caught: dict[str, Any] = {}

    def catch(model: Any, input_ids: Tensor, **prepared: Any) -> Tensor:
        caught.update(prepared, input_ids=input_ids)
        return input_ids

    given = model_inputs(model, inputs, vision=vision)
    model.generate(**given, **GREEDY, max_new_tokens=limit, stop_strings=None, custom_generate=catch)
    if vision is None:
        vision = _encoded(caught)
    config = caught["generation_config"]
    ends = config.eos_token_id if config.eos_token_id is not None else []
    joinable = _joinable(model, caught, vision)
    return Prompt(
        id,
        caught["input_ids"].cpu(),
        limit,
        tuple(ends) if isinstance(ends, list) else (int(ends),),
        joinable=joinable,
        inputs={} if joinable else dict(inputs),
        positions=caught["position_ids"].cpu() if joinable else None,
        types={name: caught[name].cpu() for name in _TYPES if caught.get(name) is not None},
        vision=vision,
        processors=tuple(caught["logits_processor"]),
    )


def model_inputs(model: Any, inputs: Mapping[str, Tensor], *, vision: Vision | None) -> dict[str, Any]:
    """A processor's output as keyword arguments of `generate`, encoded images in place of their pixels."""
    given: dict[str, Any] = {}
    for name, value in inputs.items():
        if vision is None or name not in _PIXELS:
            given[name] = value.to(model.device, model.dtype if value.is_floating_point() else value.dtype)
    if vision is not None:
        given["mm_encoder_outputs"] = {"image": join([vision], device=model.device)}
    return given


@dataclass(frozen=True)
class Batch:
    """Prompts side by side, padded on the left, on the model's device."""

    ids: Tensor
    mask: Tensor
    """1 where a token is, 0 where padding is."""
    padded: bool
    positions: Tensor
    types: dict[str, Tensor]
    vision: Any


def collate(prompts: Sequence[Prompt], *, device: torch.device) -> Batch:
    """Put joinable prompts into one batch.

    Padding repeats a text token of the row (never an image's placeholder); the mask hides it.
    """
    width = max(prompt.length for prompt in prompts)
    lengths = torch.tensor([prompt.length for prompt in prompts])
    mask = (torch.arange(width) >= (width - lengths)[:, None]).long()
    # The last token of a prompt belongs to the assistant's turn, so it is text.
    ids = torch.cat([_padded(prompt.ids, width, value=int(prompt.ids[0, -1])) for prompt in prompts])
    positions = torch.cat([_padded(_of(prompt), width) for prompt in prompts], dim=-2)
    names = [name for name in _TYPES if any(name in prompt.types for prompt in prompts)]
    types = {
        name: torch.cat(
            [_padded(prompt.types.get(name, torch.zeros_like(prompt.ids)), width) for prompt in prompts]
        ).to(device)
        for name in names
    }
    visions = [prompt.vision for prompt in prompts if prompt.vision is not None]
    return Batch(
        ids.to(device),
        mask.to(device),
        not bool(mask.all()),
        positions.to(device),
        types,
        join(visions, device=device) if visions else None,
    )


def _of(prompt: Prompt) -> Tensor:
    assert prompt.positions is not None
    return prompt.positions


def _padded(values: Tensor, width: int, *, value: int = 0) -> Tensor:
    return torch.nn.functional.pad(values, (width - values.shape[-1], 0), value=value)


def _encoded(caught: Mapping[str, Any]) -> Vision | None:
    output = (caught.get("mm_encoder_outputs") or {}).get("image")
    return None if output is None else keep(output)


def _joinable(model: Any, caught: Mapping[str, Any], vision: Vision | None) -> bool:
    """Whether batches and pooled caches are known to be right for this model and prompt."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
    from transformers.generation import (
        EosTokenCriteria,
        MaxLengthCriteria,
        UnbatchedClassifierFreeGuidanceLogitsProcessor,
    )

    if model.is_custom_code() or model.config.is_encoder_decoder or caught.get("position_ids") is None:
        return False
    if model.generation_config.stop_strings:
        return False
    own = {"input_ids", "logits_processor", "stopping_criteria", "generation_config"}
    others = [name for name, value in caught.items() if value is not None and name not in own]
    if not set(others) <= _KNOWN | set(_TYPES):
        return False
    if (
        any(output is not None for output in (caught.get("mm_encoder_outputs") or {}).values())
        and vision is None
    ):
        return False
    cache: Any = caught.get("past_key_values")
    # A full cache under the model's own sliding masks equals a sliding one; other layers keep other state.
    plain = (DynamicLayer, DynamicSlidingWindowLayer)
    if (
        type(cache) is not DynamicCache
        or cache.offloading
        or any(type(layer) not in plain for layer in cache.layers)
    ):
        return False
    if any(type(stop) not in (EosTokenCriteria, MaxLengthCriteria) for stop in caught["stopping_criteria"]):
        return False
    guided = UnbatchedClassifierFreeGuidanceLogitsProcessor
    return not any(isinstance(processor, guided) for processor in caught["logits_processor"])
