"""Questions, taken apart into what stays the same for every candidate.

transformers' own `generate` prepares a question: positions (three-dimensional ones too), image features,
logits processors, end tokens. It is asked to do so once, through its `custom_generate` hook, and stopped
before the first token; what it prepared is kept for all candidates (section 3.3). So nothing here is a second
opinion on how a family counts positions or penalises repetition. Questions alike go through it together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adamms.answering.native import cache_length, image_vectors, is_known
from adamms.answering.prompts import TYPES, Prompt, padded, padded_ids, padding_mask
from adamms.answering.vision import Vision, join, keep, split

GREEDY = {"do_sample": False, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
"""What a search asks of `generate`, whatever the checkpoint's generation config says of sampling."""

TOGETHER = 1 << 23
"""Pixel values encoded at once, at most, unless a single question has more."""

_PIXELS = ("pixel_values", "pixel_values_images", "image_patches")
_ROWS = ("input_ids", "attention_mask", *TYPES)
# Inputs whose first dimension counts images or patches, so that questions are joined along it.
_IMAGES = ("pixel_values", "image_grid_thw", "image_sizes", "batch_num_images", "pixel_attention_mask")
# What a batch is put together from; any other input of a model is its own business (see `Prompt.batchable`).
_KNOWN = {"attention_mask", "position_ids", "past_key_values", "use_cache", "logits_to_keep"}
_KNOWN |= {"mm_encoder_outputs", *TYPES}


@dataclass(frozen=True)
class Question:
    """What the processor made of one question, and its images' features where they are known."""

    id: str
    inputs: Mapping[str, Tensor]
    vision: Vision | None = None

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return self.inputs["input_ids"].shape[1]


def model_inputs(model: Any, question: Question) -> dict[str, Any]:
    """A question as keyword arguments of `generate`, encoded images in place of their pixels."""
    given: dict[str, Any] = {}
    for name, value in question.inputs.items():
        if question.vision is None or name not in _PIXELS:
            given[name] = value.to(model.device, model.dtype if value.is_floating_point() else value.dtype)
    if question.vision is not None:
        given["mm_encoder_outputs"] = {"image": join([question.vision], device=model.device)}
    return given


def capture_generate_inputs(
    model: Any, questions: Sequence[Question], *, limit: int, batch_size: int
) -> Iterator[Prompt]:
    """Let `generate` prepare questions and keep what it prepared; in the order in which they were given.

    Args:
        model: the live model; which candidate it is does not matter.
        questions: what the processor emitted.
        limit: the most new tokens to generate.
        batch_size: questions prepared together, at most.
    """
    prompts: dict[str, Prompt] = {}
    together = True
    for group in _groups(questions, batch_size):
        captured = _capture_batch(model, group, limit=limit) if together and len(group) > 1 else None
        for question in group if captured is None else []:
            prompts[question.id] = _capture_single(model, question, limit=limit)
            # Penalties are made for one prompt at a time, so then all go alone.
            together = together and prompts[question.id].batchable and not prompts[question.id].processors
        prompts |= {prompt.id: prompt for prompt in captured or []}
    return iter([prompts[question.id] for question in questions])


def _groups(questions: Sequence[Question], batch_size: int) -> Iterator[list[Question]]:
    """Questions whose inputs can be joined; the first one alone, to see how the model takes it."""
    alike: dict[Any, list[Question]] = {}
    for index, question in enumerate(questions):
        shapes = [
            (name, value.shape[1:]) for name, value in sorted(question.inputs.items()) if name not in _ROWS
        ]
        known = all(name in _IMAGES for name, _ in shapes)
        key = (question.vision is None, *shapes) if known and index else index
        alike.setdefault(key, []).append(question)
    for group in alike.values():
        group.sort(key=lambda question: question.length)
        batch: list[Question] = []
        for question in group:
            pixels = sum(
                other.inputs[name].numel()
                for other in [*batch, question]
                for name in _PIXELS
                if name in other.inputs
            )
            if batch and (len(batch) == batch_size or pixels > TOGETHER):
                yield batch
                batch = []
            batch.append(question)
        yield batch


def _capture_single(model: Any, question: Question, *, limit: int) -> Prompt:
    captured = _generate_arguments(model, model_inputs(model, question), limit=limit)
    vision = question.vision or _encoded(captured)
    batchable = _batchable(model, captured, vision)
    return Prompt(
        question.id,
        captured["input_ids"].cpu(),
        limit,
        _ends(captured),
        batchable=batchable,
        extra_cache_len=cache_length(model, question.inputs) - question.length,
        inputs={} if batchable else dict(question.inputs),
        positions=captured["position_ids"].cpu() if batchable else None,
        types={name: captured[name].cpu() for name in TYPES if captured.get(name) is not None},
        vision=vision,
        processors=tuple(captured["logits_processor"]),
    )


def _capture_batch(model: Any, group: Sequence[Question], *, limit: int) -> list[Prompt] | None:
    """What `_capture_single` makes of each, in one go; None where that is not sure to be the same."""
    lengths = [question.length for question in group]
    joined: dict[str, Tensor] = {"attention_mask": padding_mask(lengths)}
    for name in group[0].inputs:
        values = [question.inputs[name] for question in group]
        if name == "input_ids":
            joined[name] = padded_ids(values, [int(value[0, -1]) for value in values])
        elif name in TYPES:
            joined[name] = torch.cat([padded(value, max(lengths)) for value in values])
        elif name in _IMAGES:
            joined[name] = torch.cat(values)
    visions = [question.vision for question in group if question.vision is not None]
    both = Question("", joined)
    given = model_inputs(model, both)
    if visions:
        given = {name: value for name, value in given.items() if name not in _PIXELS}
        given["mm_encoder_outputs"] = {"image": join(visions, device=model.device)}
    try:
        captured = _generate_arguments(model, given, limit=limit)
    except Exception:  # a family that joins otherwise, or too little memory: alone it tells what is wrong
        return None
    vision = _encoded(captured)
    if captured["logits_processor"] or not _batchable(model, captured, vision):
        return None
    parts: Sequence[Vision | None] | None = visions or [None] * len(group)
    if vision is not None and not visions:
        parts = split(vision, [image_vectors(model, question.inputs) for question in group])
    if parts is None:
        return None
    positions, ends = captured["position_ids"].cpu(), _ends(captured)
    return [
        Prompt(
            question.id,
            question.inputs["input_ids"],
            limit,
            ends,
            batchable=True,
            extra_cache_len=cache_length(model, question.inputs) - question.length,
            positions=positions[..., index : index + 1, -question.length :],
            types={name: question.inputs[name] for name in TYPES if captured.get(name) is not None},
            vision=parts[index],
        )
        for index, question in enumerate(group)
    ]


def _generate_arguments(model: Any, given: Mapping[str, Any], *, limit: int) -> dict[str, Any]:
    """What `generate` hands to its decoding loop."""
    captured: dict[str, Any] = {}

    def catch(model: Any, input_ids: Tensor, **prepared: Any) -> Tensor:
        captured.update(prepared, input_ids=input_ids)
        return input_ids

    model.generate(**given, **GREEDY, max_new_tokens=limit, stop_strings=None, custom_generate=catch)
    return captured


def _ends(captured: Mapping[str, Any]) -> tuple[int, ...]:
    ends = captured["generation_config"].eos_token_id
    if ends is None:
        return ()
    return tuple(ends) if isinstance(ends, list) else (int(ends),)


def _encoded(captured: Mapping[str, Any]) -> Vision | None:
    output = (captured.get("mm_encoder_outputs") or {}).get("image")
    return None if output is None else keep(output)


def _batchable(model: Any, captured: Mapping[str, Any], vision: Vision | None) -> bool:
    """Whether batches and pooled caches are known to be right for this model and prompt."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
    from transformers.generation import (
        EosTokenCriteria,
        MaxLengthCriteria,
        UnbatchedClassifierFreeGuidanceLogitsProcessor,
    )

    if not is_known(model) or model.config.is_encoder_decoder or captured.get("position_ids") is None:
        return False
    if model.generation_config.stop_strings:
        return False
    own = {"input_ids", "logits_processor", "stopping_criteria", "generation_config"}
    others = {name for name, value in captured.items() if value is not None and name not in own}
    if not others <= _KNOWN:
        return False
    outputs = (captured.get("mm_encoder_outputs") or {}).values()
    if vision is None and any(output is not None for output in outputs):
        return False
    cache: Any = captured.get("past_key_values")
    # A full cache under the model's own sliding masks equals a sliding one; other layers keep other state.
    plain = (DynamicLayer, DynamicSlidingWindowLayer)
    if type(cache) is not DynamicCache or cache.offloading:
        return False
    if any(type(layer) not in plain for layer in cache.layers):
        return False
    if any(type(stop) not in (EosTokenCriteria, MaxLengthCriteria) for stop in captured["stopping_criteria"]):
        return False
    guided = UnbatchedClassifierFreeGuidanceLogitsProcessor
    return not any(isinstance(processor, guided) for processor in captured["logits_processor"])
