"""A prepared question, and how several become one batch.

A prompt holds what stays the same for every candidate (section 3.3): its tokens, their positions, its images'
features and its penalties. It is made in `generate_inputs.py` and knows neither models nor candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from adamms.answering.vision import Vision, join

TYPES = ("token_type_ids", "mm_token_type_ids")
"""Inputs of one number a token, besides the ids, that tell what kind of token it is."""


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
    batchable: bool
    """Whether it may share a batch; otherwise `inputs` go to the model's own `generate`, one by one."""
    extra_cache_len: int = 0
    """Positions of the cache that it fills beyond its ids, where the model itself expands images."""
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
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

    @property
    def columns(self) -> int:
        """Positions of the cache that it fills."""
        return self.length + self.extra_cache_len

    @property
    def pad_token(self) -> int:
        """The question's last token, which pads it.

        It belongs to the assistant's turn, so it is text and never an image's placeholder, and a repetition
        penalty on it is there anyway.
        """
        return int(self.ids[0, -1])


@dataclass(frozen=True)
class Batch:
    """Prompts side by side, padded on the left, on the model's device."""

    ids: Tensor
    mask: Tensor
    """1 where a token is, 0 where padding is."""
    padded: bool
    """Whether the ids or the cache hold padding, so that the mask matters."""
    positions: Tensor
    types: dict[str, Tensor]
    vision: Any
    """The vision encoder's output for all of them, or None."""


def collate(prompts: Sequence[Prompt], *, device: torch.device) -> Batch:
    """Put batchable prompts into one batch."""
    width = max(prompt.length for prompt in prompts)
    mask = padding_mask([prompt.length for prompt in prompts])
    positions = [prompt.positions for prompt in prompts if prompt.positions is not None]
    names = [name for name in TYPES if any(name in prompt.types for prompt in prompts)]
    visions = [prompt.vision for prompt in prompts if prompt.vision is not None]
    return Batch(
        padded_ids([prompt.ids for prompt in prompts], [prompt.pad_token for prompt in prompts]).to(device),
        mask.to(device),
        not bool(mask.all()) or len({prompt.columns for prompt in prompts}) > 1,
        torch.cat([padded(values, width) for values in positions], dim=-2).to(device),
        {
            name: torch.cat(
                [padded(prompt.types.get(name, torch.zeros_like(prompt.ids)), width) for prompt in prompts]
            ).to(device)
            for name in names
        },
        join(visions, device=device) if visions else None,
    )


def next_types(name: str, values: Tensor) -> Tensor:
    """The type of a token behind the prompt, (rows, 1): text behind an image model's prompt, elsewhere the
    prompt's last type, as `generate` goes on."""
    return torch.zeros_like(values[:, -1:]) if name == "mm_token_type_ids" else values[:, -1:]


def padding_mask(lengths: Sequence[int]) -> Tensor:
    """1 where a row of this length has a token, 0 for the padding on its left."""
    width = max(lengths)
    return (torch.arange(width) >= (width - torch.tensor(lengths))[:, None]).long()


def padded_ids(rows: Sequence[Tensor], pad_tokens: Sequence[int]) -> Tensor:
    """Token ids of several prompts, each padded with its pad_token."""
    width = max(row.shape[1] for row in rows)
    return torch.cat(
        [padded(row, width, value=pad_token) for row, pad_token in zip(rows, pad_tokens, strict=True)]
    )


def padded(values: Tensor, width: int, *, value: int = 0) -> Tensor:
    """Values with one number a token, filled up on the left."""
    return torch.nn.functional.pad(values, (width - values.shape[-1], 0), value=value)
