"""mPLUG-Owl2's language layers: a Llama layer whose keys, values and norms are two-way.

`multiway.0` computes text, `multiway.1` the vectors of images; queries, output projection and MLP are single.
This file knows nothing of placeholders: it is given the routing of positions to modules.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm, apply_rotary_pos_emb

from adamms.models.attention import StoredFrequencies, attend, split_heads
from adamms.models.routing import Routing, route

if TYPE_CHECKING:
    from adamms.models.mplug_owl2.configuration import MPLUGOwl2Config


class Multiway(nn.Module):
    """Two copies of a module, the first for text, the second for images."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, hidden: Tensor, *, routing: Routing | None) -> Tensor:
        """Every row of the last dimension through its copy."""
        return route(routing, hidden, first=self.multiway[0], second=self.multiway[1])


class MPLUGOwl2Attention(nn.Module):
    """Causal attention; its keys and values are two-way."""

    is_causal = True

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        width, bias = config.hidden_size, config.attention_bias
        inner = config.num_attention_heads * self.head_dim
        shared = config.num_key_value_heads * self.head_dim
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.q_proj = nn.Linear(width, inner, bias=bias)
        self.k_proj = Multiway(lambda: nn.Linear(width, shared, bias=bias))
        self.v_proj = Multiway(lambda: nn.Linear(width, shared, bias=bias))
        self.o_proj = nn.Linear(inner, width, bias=bias)
        self.rotary_emb = StoredFrequencies(config)

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
        query = split_heads(self.q_proj(hidden), self.head_dim)
        key = split_heads(self.k_proj(hidden, routing=routing), self.head_dim)
        value = split_heads(self.v_proj(hidden, routing=routing), self.head_dim)
        query, key = apply_rotary_pos_emb(query, key, *rotation)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        output, weights = attend(
            self, query, key, value, mask=mask, dropout=self.config.attention_dropout or 0.0
        )
        return self.o_proj(output), weights


class MPLUGOwl2DecoderLayer(GradientCheckpointingLayer):
    """One layer of the language model."""

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = MPLUGOwl2Attention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        width, eps = config.hidden_size, config.rms_norm_eps
        self.input_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))
        self.post_attention_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))

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
            self.input_layernorm(hidden, routing=routing),
            routing=routing,
            rotation=rotation,
            mask=mask,
            past_key_values=past_key_values,
        )
        hidden = hidden + attended
        added: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden, routing=routing))
        return added
