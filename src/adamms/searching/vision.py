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
