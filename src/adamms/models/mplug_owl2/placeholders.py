"""Where a batch's tokens and image vectors stand once every placeholder id has grown to a whole image.

The original extends the attention mask on its left, which hides real tokens of a left-padded batch, and it
cannot place rows of different lengths. Here every position carries its own mask along, and rows that grow
less are padded further on the left, so that all rows still end together and a batch answers as its rows do
one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The expanded batch (rows, longer length), described from the input ids (rows, length)."""

    source: Tensor
    """For every expanded position the place of its input id in the flattened batch."""
    filler: Tensor
    """True on the padding that evens out rows which hold fewer images."""
    image: Tensor
    """True on the vectors of images."""

    def spread(self, values: Tensor, *, filler: int | bool) -> Tensor:
        """Values of the input ids as values of the expanded positions."""
        return values.flatten()[self.source].masked_fill(self.filler, filler)


def lay_out(input_ids: Tensor, *, placeholder: int, length: int) -> Layout | None:
    """The layout of a batch whose every `placeholder` grows to `length` positions; None if it has none."""
    holds_image = input_ids == placeholder
    if not bool(holds_image.any()):
        return None
    lengths = torch.where(holds_image, length, 1)
    totals = lengths.sum(dim=1, keepdim=True)
    longest = int(totals.max())
    filler = torch.arange(longest, device=input_ids.device) < longest - totals
    places = torch.arange(input_ids.numel(), device=input_ids.device)
    source = torch.zeros_like(filler, dtype=torch.long)
    source[~filler] = places.repeat_interleave(lengths.flatten())
    return Layout(source, filler, holds_image.flatten()[source] & ~filler)


def spread_mask(
    layout: Layout, attention_mask: Tensor | None, *, input_ids: Tensor, cached: int = 0
) -> Tensor:
    """The attention mask of the expanded batch; what it says of the `cached` positions stays before that."""
    if attention_mask is None:
        attention_mask = input_ids.new_ones(input_ids.shape[0], cached + input_ids.shape[1])
    cached = attention_mask.shape[1] - input_ids.shape[1]
    own = layout.spread(attention_mask[:, cached:], filler=0)
    return torch.cat([attention_mask[:, :cached], own], dim=1)


def shown_images(input_ids: Tensor, *, placeholder: int, count: int) -> list[int]:
    """Which of `count` images, in order, the placeholders of a batch show.

    All of them, one a placeholder; or, as the original consumes them, one more for every row that has no
    placeholder, which nobody sees.

    Raises:
        ValueError: neither count fits.
    """
    held = (input_ids == placeholder).sum(dim=1).tolist()
    if count == sum(held):
        return list(range(count))
    consumed = [max(images, 1) for images in held]
    if count != sum(consumed):
        raise ValueError(
            f"The prompts hold {sum(held)} image placeholder(s), but {count} image(s) came with them."
        )
    shown: list[int] = []
    start = 0
    for images, taken in zip(held, consumed, strict=True):
        shown += range(start, start + images)
        start += taken
    return shown
