"""Image features, computed once for all candidates.

The vision side is never merged (section 3.1), so what it makes of an image is the same for every alpha. A
model's own `generate` encodes the images before the prefill and hands their features over; this file keeps
them and joins those of several prompts into what the model's forward reads for a batch. It knows no family:
features are a tensor or a list of tensors, with the deep-stack layers of the models that have them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Vision:
    """The features of one prompt's images, in main memory."""

    kind: type
    """The transformers output class that carries them."""
    pooled: tuple[Tensor, ...]
    stacked: bool
    """One tensor over all images (True) or one tensor an image."""
    deepstack: tuple[tuple[Tensor, ...], ...] | None = None
    """For each deep-stack layer one tensor an image."""


def keep(output: Any) -> Vision | None:
    """What a vision encoder put out, as it can be kept; None where its form is not known to join."""
    pooled = getattr(output, "pooler_output", None)
    deepstack = getattr(output, "deepstack_features", None)
    if pooled is None:
        return None
    stacked = isinstance(pooled, Tensor)
    parts = (pooled,) if stacked else tuple(pooled)
    layers = None if deepstack is None else tuple(tuple(layer) for layer in deepstack)
    tensors = [*parts, *(part for layer in layers or () for part in layer)]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        return None
    return Vision(
        type(output),
        tuple(part.cpu() for part in parts),
        stacked,
        None if layers is None else tuple(tuple(part.cpu() for part in layer) for layer in layers),
    )


def join(visions: Sequence[Vision], *, device: torch.device) -> Any:
    """The encoder output of a batch, from the features of its prompts in order."""
    first = visions[0]
    pooled = [part.to(device) for vision in visions for part in vision.pooled]
    fields: dict[str, Any] = {"pooler_output": torch.cat(pooled) if first.stacked else pooled}
    if first.deepstack is not None:
        fields["deepstack_features"] = [
            [part.to(device) for vision in visions for part in (vision.deepstack or ())[layer]]
            for layer in range(len(first.deepstack))
        ]
    return first.kind(**fields)


def split(vision: Vision, counts: Sequence[int]) -> list[Vision] | None:
    """The features of each of several prompts that were encoded together.

    Args:
        vision: of all of them, in order.
        counts: for each prompt how many tokens its images take.

    Returns:
        None where the features do not fall apart along the prompts.
    """
    if vision.stacked:
        return _split_stack(vision, counts)
    parts = iter(enumerate(vision.pooled))
    result = []
    for count in counts:
        taken: list[int] = []
        while sum(len(vision.pooled[index]) for index in taken) < count:
            index = next((index for index, _ in parts), None)
            if index is None:
                return None
            taken.append(index)
        if sum(len(vision.pooled[index]) for index in taken) != count:
            return None
        layers = vision.deepstack
        if layers is not None and any(len(layer) != len(vision.pooled) for layer in layers):
            return None
        result.append(
            Vision(
                vision.kind,
                tuple(vision.pooled[index].clone() for index in taken),
                False,
                None
                if layers is None
                else tuple(tuple(layer[index].clone() for index in taken) for layer in layers),
            )
        )
    return result if next(parts, None) is None else None


def _split_stack(vision: Vision, counts: Sequence[int]) -> list[Vision] | None:
    features = vision.pooled[0]
    width = features.shape[1] if features.dim() == 3 else 1
    if vision.deepstack is not None or any(count % width for count in counts):
        return None
    if sum(counts) != features.shape[0] * width:
        return None
    parts = features.split([count // width for count in counts])
    return [Vision(vision.kind, (part.clone(),), True) for part in parts]
