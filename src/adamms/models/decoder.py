"""What the language layers of both architectures share: a Llama layer, some of whose modules are two-way.

A family's attention says how it projects (`project`, `output`); its layer makes the modules, under the
official names. A `TwoWay` module gets the routing of positions to its two copies, any other does not.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from adamms.models.attention import StoredFrequencies, attend, split_heads
from adamms.models.routing import Routing, routed


class TwoWayAttention(nn.Module):
    """Causal attention, plain over text and image alike; families bring the projections.

    Args:
        config: the language model's.
        layer_idx: the layer's place in the cache.
        groups: queries that share a key and a value.
    """

    is_causal = True

    def __init__(self, config: Any, layer_idx: int, *, groups: int = 1) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.num_key_value_groups = groups
        self.rotary_emb = StoredFrequencies(config)

    def project(self, hidden: Tensor, *, routing: Routing | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, length, heads x head_dim)."""
        raise NotImplementedError

    def output(self, attended: Tensor, *, routing: Routing | None) -> Tensor:
        """(batch, length, heads x head_dim) -> (batch, length, width)."""
        raise NotImplementedError

    def forward(
        self,
        hidden: Tensor,
        *,
        routing: Routing | None,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past_key_values: Any = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(batch, length, width) -> the same shape, and the attention weights where they are at hand.

        Args:
            hidden: (batch, length, width).
            routing: which positions the copies of images compute; None where the batch has none.
            rotation: cosines and sines of the rotary positions.
            mask: the causal mask, as the attention's kernel wants it.
            past_key_values: a transformers cache, or None.
        """
        query, key, value = (
            split_heads(part, self.head_dim) for part in self.project(hidden, routing=routing)
        )
        query, key = apply_rotary_pos_emb(query, key, *rotation)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attended, weights = attend(
            self, query, key, value, mask=mask, dropout=self.config.attention_dropout or 0.0
        )
        return self.output(attended, routing=routing), weights


class TwoWayDecoderLayer(GradientCheckpointingLayer):
    """One layer of the language model; families make its attention, MLP and norms."""

    self_attn: TwoWayAttention
    mlp: nn.Module
    input_layernorm: nn.Module
    post_attention_layernorm: nn.Module

    def forward(
        self,
        hidden: Tensor,
        *,
        routing: Routing | None,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past_key_values: Any = None,
    ) -> Tensor:
        """(batch, length, width) -> the same shape; arguments as of `TwoWayAttention.forward`."""
        attended, _ = self.self_attn(
            routed(self.input_layernorm, hidden, routing=routing),
            routing=routing,
            rotation=rotation,
            mask=mask,
            past_key_values=past_key_values,
        )
        hidden = hidden + attended
        normed = routed(self.post_attention_layernorm, hidden, routing=routing)
        return hidden + routed(self.mlp, normed, routing=routing)
