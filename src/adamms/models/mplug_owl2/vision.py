"""mPLUG-Owl2's vision tower: a ViT under the official checkpoint's names.

No bias in the patch projection, a LayerNorm before the first layer, layers that normalise before attention
and MLP, quick-gelu, and a last LayerNorm over all tokens, the class token kept. No merge touches any of this:
the base keeps its vision side (section 3.1).
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.clip.modeling_clip import CLIPMLP

from adamms.models.attention import FusedSelfAttention, LayerStack

if TYPE_CHECKING:
    from adamms.models.mplug_owl2.configuration import MPLUGOwl2VisionConfig


class MPLUGOwl2VisionEmbeddings(nn.Module):
    """Patches, a class token before them, learned positions on all, a LayerNorm."""

    def __init__(self, config: MPLUGOwl2VisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        patches = (config.image_size // patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.patch_embed = nn.Conv2d(config.num_channels, width, kernel_size=patch, stride=patch, bias=False)
        self.position_embedding = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.pre_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(images, channels, height, width) -> (images, 1 + patches, width)."""
        patches = self.patch_embed(pixel_values.to(self.patch_embed.weight.dtype)).flatten(2).transpose(1, 2)
        begin = self.cls_token.expand(len(patches), -1, -1)
        embedded: Tensor = self.pre_layernorm(torch.cat([begin, patches], dim=1) + self.position_embedding)
        return embedded


class MPLUGOwl2VisionLayer(GradientCheckpointingLayer):
    """Attention and MLP, each behind a LayerNorm."""

    def __init__(self, config: MPLUGOwl2VisionConfig) -> None:
        super().__init__()
        self.self_attn = FusedSelfAttention(config, by_head=True, dropout=config.attention_dropout)
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = CLIPMLP(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """(images, length, width) -> the same shape."""
        hidden = hidden + self.self_attn(self.input_layernorm(hidden))
        added: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return added


class MPLUGOwl2VisionModel(nn.Module):
    """From pixels to the tokens that the abstractor reads."""

    def __init__(self, config: MPLUGOwl2VisionConfig) -> None:
        super().__init__()
        self.embeddings = MPLUGOwl2VisionEmbeddings(config)
        self.encoder = LayerStack(MPLUGOwl2VisionLayer(config) for _ in range(config.num_hidden_layers))
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(images, channels, height, width) -> (images, 1 + patches, width)."""
        encoded: Tensor = self.post_layernorm(self.encoder(self.embeddings(pixel_values)))
        return encoded
