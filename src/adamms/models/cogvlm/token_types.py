"""What follows from CogVLM's token types (1 on an image's positions, 0 elsewhere): experts and positions.

Two conventions that are easy to get wrong, as pure functions on (batch, length) tensors: which positions the
vision expert computes, and which position ids an image takes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def vision_positions(token_types: Tensor) -> Tensor:
    """True where the vision expert computes: an image position that another one follows.

    So the begin of an image and its patches are vision, its end is language.
    """
    image = token_types == 1
    return image & _shifted(image, by=-1)


def position_ids(token_types: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """The rotary positions: all patches of an image share one, everything else has its own.

    Padded positions do not count. The first column is position 0 whatever it holds, so a left-padded row
    begins at 1: the original's convention, harmless because rotary attention reads only differences.
    """
    real = torch.ones_like(token_types, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
    image = (token_types == 1) & real
    patch = image & _shifted(image, by=1) & _shifted(image, by=-1)
    advances = real & ~(patch & _shifted(patch, by=1))
    advances[:, 0] = False
    return advances.cumsum(dim=-1)


def from_zero(positions: Tensor, attention_mask: Tensor | None) -> Tensor:
    """The same rotary positions with every row's first real one at 0, which changes no attention."""
    if attention_mask is None:
        return positions
    real = attention_mask.bool()
    first = positions.masked_fill(~real, int(positions.max())).amin(dim=-1, keepdim=True)
    return (positions - first).clamp(min=0)


def _shifted(mask: Tensor, *, by: int) -> Tensor:
    """The mask moved along the row, False where nothing comes in."""
    moved = mask.roll(by, dims=-1)
    moved[:, 0 if by > 0 else -1] = False
    return moved
