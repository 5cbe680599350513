"""CogVLM's language layers: a Llama layer whose attention projections and MLP have a visual expert.

Fused projections lie [Q; K; V], each heads x head_dim rows; the norms are shared by both experts. Attention
itself is plain and causal over text and image alike. This file knows nothing of token types: it is given the
routing of positions to experts.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm, apply_rotary_pos_emb

from adamms.models.attention import StoredFrequencies, attend, split_heads
from adamms.models.routing import Routing, route

if TYPE_CHECKING:
    from adamms.models.cogvlm.configuration import CogVLMConfig


class CogVLMAttention(nn.Module):
    """Causal attention; its projections are two-way."""

    is_causal = True
    num_key_value_groups = 1

    def __init__(self, config: CogVLMConfig, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        width, inner = config.hidden_size, config.num_attention_heads * self.head_dim
        self.rotary_emb = StoredFrequencies(config)
        self.language_expert_query_key_value = nn.Linear(width, 3 * inner, bias=False)
        self.language_expert_dense = nn.Linear(inner, width, bias=False)
        self.vision_expert_query_key_value = nn.Linear(width, 3 * inner, bias=False)
        self.vision_expert_dense = nn.Linear(inner, width, bias=False)

    def forward(
        self,
        hidden: Tensor,
        *,
        routing: Routing | None,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past_key_values: Any = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(batch, length, width) -> the same shape, and the attention weights where they are at hand."""
        fused = route(
            routing,
            hidden,
            first=self.language_expert_query_key_value,
            second=self.vision_expert_query_key_value,
        )
        query, key, value = (split_heads(part, self.head_dim) for part in fused.chunk(3, dim=-1))
        query, key = apply_rotary_pos_emb(query, key, *rotation)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        output, weights = attend(
            self, query, key, value, mask=mask, dropout=self.config.attention_dropout or 0.0
        )
        return route(
            routing, output, first=self.language_expert_dense, second=self.vision_expert_dense
        ), weights


class CogVLMMLP(nn.Module):
    """A two-way gated MLP."""

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__()
        self.language_mlp = LlamaMLP(config)
        self.vision_mlp = LlamaMLP(config)

    def forward(self, hidden: Tensor, *, routing: Routing | None) -> Tensor:
        """(batch, length, width) -> the same shape."""
        return route(routing, hidden, first=self.language_mlp, second=self.vision_mlp)


class CogVLMDecoderLayer(GradientCheckpointingLayer):
    """One layer of the language model."""

    def __init__(self, config: CogVLMConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = CogVLMAttention(config, layer_idx)
        self.mlp = CogVLMMLP(config)
        self.input_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self,
        hidden: Tensor,
        *,
        routing: Routing | None,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past_key_values: Any = None,
    ) -> Tensor:
        """(batch, length, width) -> the same shape."""
        attended, _ = self.self_attn(
            self.input_layernorm(hidden),
            routing=routing,
            rotation=rotation,
            mask=mask,
            past_key_values=past_key_values,
        )
        hidden = hidden + attended
        added: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden), routing=routing)
        return added
