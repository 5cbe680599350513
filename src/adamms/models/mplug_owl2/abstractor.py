"""mPLUG-Owl2's visual abstractor: learned queries that read an image's tokens, layer after layer.

Three conventions are easy to get wrong. The residual carries the normalised queries, not the raw ones. Keys
and values come from [normalised queries, normalised vision tokens]. The fixed sin-cos positions are added to
the inputs of queries and keys, never to that of the values. Published files may lack the position tables:
they are then computed.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from adamms.models.attention import LayerStack, attend, split_heads

if TYPE_CHECKING:
    from adamms.models.mplug_owl2.configuration import MPLUGOwl2AbstractorConfig


def sincos(positions: Tensor, width: int) -> Tensor:
    """One row a position: sines, then cosines, at the frequencies 10000^(-i / (width/2))."""
    frequencies = 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width / 2))
    angles = positions.to(torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def query_positions(count: int, width: int) -> Tensor:
    """The table of the learned queries: their index."""
    return sincos(torch.arange(count), width).to(torch.float32)


def vision_positions(grid: int, width: int) -> Tensor:
    """The table of the vision tokens: zeros for the class token, then column and row of each patch."""
    side = torch.arange(grid)
    columns = sincos(side.repeat(grid), width // 2)
    rows = sincos(side.repeat_interleave(grid), width // 2)
    table = torch.cat([columns, rows], dim=-1)
    return torch.cat([torch.zeros(1, table.shape[1]), table]).to(torch.float32)


class MPLUGOwl2CrossAttention(nn.Module):
    """The attention of queries over queries and vision tokens, with its position tables."""

    is_causal = False
    num_key_value_groups = 1

    def __init__(self, config: MPLUGOwl2AbstractorConfig) -> None:
        super().__init__()
        self.config = config
        width, seen = config.hidden_size, config.encoder_hidden_size
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(seen, width)
        self.value = nn.Linear(seen, width)
        self.q_pos_embed: Tensor
        self.k_pos_embed: Tensor
        queries, vision = self.tables()
        self.register_buffer("q_pos_embed", queries)
        self.register_buffer("k_pos_embed", vision)

    def tables(self) -> tuple[Tensor, Tensor]:
        """The position tables as the config has them."""
        config = self.config
        return (
            query_positions(config.num_learnable_queries, config.hidden_size),
            vision_positions(config.grid_size or 0, config.encoder_hidden_size),
        )

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """(images, queries, width), (images, queries + vision tokens, width) -> (images, queries, width)."""
        positions = torch.cat([self.q_pos_embed, self.k_pos_embed]).to(tokens.dtype)
        head_dim = self.config.hidden_size // self.config.num_attention_heads
        query = split_heads(self.query(queries + positions[: queries.shape[1]]), head_dim)
        key = split_heads(self.key(tokens + positions), head_dim)
        value = split_heads(self.value(tokens), head_dim)
        dropout = self.config.attention_probs_dropout_prob
        output, _ = attend(self, query, key, value, mask=None, dropout=dropout)
        return output


class MPLUGOwl2AbstractorMLP(nn.Module):
    """A gated MLP with a LayerNorm on its inner width."""

    def __init__(self, config: MPLUGOwl2AbstractorConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.w1 = nn.Linear(width, inner)
        self.w2 = nn.Linear(inner, width)
        self.w3 = nn.Linear(width, inner)
        self.ffn_ln = nn.LayerNorm(inner, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """(images, queries, width) -> the same shape."""
        gated = nn.functional.silu(self.w1(hidden)) * self.w3(hidden)
        computed: Tensor = self.w2(self.ffn_ln(gated))
        return computed


class MPLUGOwl2CrossOutput(nn.Module):
    """What follows the attention: its projection onto the residual, and the MLP."""

    def __init__(self, config: MPLUGOwl2AbstractorConfig) -> None:
        super().__init__()
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm2 = nn.LayerNorm(config.hidden_size)
        self.mlp = MPLUGOwl2AbstractorMLP(config)

    def forward(self, attended: Tensor, residual: Tensor) -> Tensor:
        """(images, queries, width) twice -> the same shape."""
        hidden = residual + self.out_proj(attended)
        added: Tensor = hidden + self.mlp(self.norm2(hidden))
        return added


class MPLUGOwl2Cross(nn.Module):
    """The one part of a layer; the norms of its inputs have torch's eps, whatever the config's is."""

    def __init__(self, config: MPLUGOwl2AbstractorConfig) -> None:
        super().__init__()
        self.attention = MPLUGOwl2CrossAttention(config)
        self.output = MPLUGOwl2CrossOutput(config)
        self.norm1 = nn.LayerNorm(config.hidden_size)
        self.normk = nn.LayerNorm(config.encoder_hidden_size)

    def forward(self, queries: Tensor, vision: Tensor) -> Tensor:
        """(images, queries, width), (images, vision tokens, width) -> (images, queries, width)."""
        queries = self.norm1(queries)
        tokens = torch.cat([queries, self.normk(vision)], dim=1)
        refined: Tensor = self.output(self.attention(queries, tokens), queries)
        return refined


class MPLUGOwl2AbstractorLayer(GradientCheckpointingLayer):
    """One reading of the image."""

    def __init__(self, config: MPLUGOwl2AbstractorConfig) -> None:
        super().__init__()
        self.crossattention = MPLUGOwl2Cross(config)

    def forward(self, queries: Tensor, vision: Tensor) -> Tensor:
        """(images, queries, width), (images, vision tokens, width) -> (images, queries, width)."""
        refined: Tensor = self.crossattention(queries, vision)
        return refined


class MPLUGOwl2Abstractor(nn.Module):
    """From vision tokens to the vectors that take an image's place: one a query, and a learned end."""

    def __init__(self, config: MPLUGOwl2AbstractorConfig, language_width: int) -> None:
        super().__init__()
        self.query_embeds = nn.Parameter(torch.zeros(1, config.num_learnable_queries, config.hidden_size))
        self.encoder = LayerStack(MPLUGOwl2AbstractorLayer(config) for _ in range(config.num_hidden_layers))
        self.visual_fc = nn.Linear(config.hidden_size, language_width)
        self.vit_eos = nn.Parameter(torch.zeros(1, 1, language_width))

    def forward(self, vision: Tensor) -> Tensor:
        """(images, vision tokens, width) -> (images, queries + 1, language model's width)."""
        queries = self.encoder(self.query_embeds.expand(len(vision), -1, -1), vision)
        vectors = self.visual_fc(queries)
        return torch.cat([vectors, self.vit_eos.expand(len(vision), -1, -1)], dim=1)
