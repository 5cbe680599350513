"""CogVLM's vision side: the EVA2-CLIP-E tower, the adapter, and the learned begin and end of an image.

Module names are those of the official checkpoint. The layers normalise behind attention and MLP, inside the
residual, and nothing is normalised before the first or after the last. No merge touches any of this: the
base keeps its vision side (section 3.1).
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clip.modeling_clip import CLIPMLP

from adamms.models.attention import FusedSelfAttention, LayerStack

if TYPE_CHECKING:
    from adamms.models.cogvlm.configuration import CogVLMConfig, CogVLMVisionConfig


class CogVLMPatchEmbedding(nn.Module):
    """Patches, a class vector before them, learned positions on all."""

    def __init__(self, config: CogVLMVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.proj = nn.Conv2d(config.in_channels, width, kernel_size=patch, stride=patch)
        self.cls_embedding = nn.Parameter(torch.zeros(1, width))
        self.position_embedding = nn.Embedding(config.num_positions, width)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(images, channels, height, width) -> (images, 1 + patches, width)."""
        patches = self.proj(pixel_values.to(self.proj.weight.dtype)).flatten(2).transpose(1, 2)
        begin = self.cls_embedding.expand(len(patches), 1, -1)
        embedded: Tensor = torch.cat([begin, patches], dim=1) + self.position_embedding.weight
        return embedded


class CogVLMVisionLayer(GradientCheckpointingLayer):
    """Attention and MLP, each normalised before it is added."""

    def __init__(self, config: CogVLMVisionConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = FusedSelfAttention(config, by_head=False)
        self.output_dropout = nn.Dropout(config.dropout_prob)
        self.mlp = CLIPMLP(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """(images, length, width) -> the same shape."""
        hidden = hidden + self.input_layernorm(self.output_dropout(self.attention(hidden)))
        added: Tensor = hidden + self.post_attention_layernorm(self.mlp(hidden))
        return added


class CogVLMAdapter(nn.Module):
    """From the tower's width to the language model's: a projection and a gated MLP as wide as the LM's."""

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.linear_proj = nn.Linear(config.vision_config.hidden_size, width, bias=False)
        self.norm1 = nn.LayerNorm(width)  # torch's eps, whatever the tower's is
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.dense_h_to_4h = nn.Linear(width, inner, bias=False)
        self.dense_4h_to_h = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """(images, patches, tower's width) -> (images, patches, language model's width)."""
        hidden = nn.functional.gelu(self.norm1(self.linear_proj(hidden)))
        gated = nn.functional.silu(self.gate_proj(hidden)) * self.dense_h_to_4h(hidden)
        adapted: Tensor = self.dense_4h_to_h(gated)
        return adapted


class CogVLMVisionModel(nn.Module):
    """From pixels to the vectors that take an image's positions."""

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__()
        self.patch_embedding = CogVLMPatchEmbedding(config.vision_config)
        self.transformer = LayerStack(
            CogVLMVisionLayer(config.vision_config) for _ in range(config.vision_config.num_hidden_layers)
        )
        self.linear_proj = CogVLMAdapter(config)
        self.boi = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.eoi = nn.Parameter(torch.zeros(1, 1, config.hidden_size))

    def forward(self, pixel_values: Tensor) -> BaseModelOutputWithPooling:
        """(images, channels, height, width) -> `pooler_output` (images, patches + 2, LM's width)."""
        encoded = self.transformer(self.patch_embedding(pixel_values))
        adapted = self.linear_proj(encoded[:, 1:])
        begin, end = (edge.expand(len(adapted), -1, -1) for edge in (self.boi, self.eoi))
        return BaseModelOutputWithPooling(
            last_hidden_state=encoded, pooler_output=torch.cat([begin, adapted, end], dim=1)
        )
