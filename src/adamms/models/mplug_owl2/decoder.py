"""mPLUG-Owl2's language layers: a Llama layer whose keys, values and norms are two-way.

`multiway.0` computes text, `multiway.1` the vectors of images; queries, output projection and MLP are single.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

from adamms.models.decoder import TwoWayAttention, TwoWayDecoderLayer
from adamms.models.routing import Routing, TwoWay

if TYPE_CHECKING:
    from adamms.models.mplug_owl2.configuration import MPLUGOwl2Config


class Multiway(TwoWay):
    """Two copies of a module, the first for text, the second for images."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def copies(self) -> tuple[nn.Module, nn.Module]:
        """In the order of their names."""
        return self.multiway[0], self.multiway[1]


class MPLUGOwl2Attention(TwoWayAttention):
    """Causal attention; its keys and values are two-way."""

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        heads, shared_heads = config.num_attention_heads, config.num_key_value_heads
        super().__init__(config, layer_idx, groups=heads // shared_heads)
        width, bias = config.hidden_size, config.attention_bias
        inner, shared = heads * self.head_dim, shared_heads * self.head_dim
        self.q_proj = nn.Linear(width, inner, bias=bias)
        self.k_proj = Multiway(lambda: nn.Linear(width, shared, bias=bias))
        self.v_proj = Multiway(lambda: nn.Linear(width, shared, bias=bias))
        self.o_proj = nn.Linear(inner, width, bias=bias)

    def project(self, hidden: Tensor, *, routing: Routing | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries from one projection, keys and values from two-way ones."""
        return (
            self.q_proj(hidden),
            self.k_proj(hidden, routing=routing),
            self.v_proj(hidden, routing=routing),
        )

    def output(self, attended: Tensor, *, routing: Routing | None) -> Tensor:
        """(batch, length, heads x head_dim) -> (batch, length, width)."""
        projected: Tensor = self.o_proj(attended)
        return projected


class MPLUGOwl2DecoderLayer(TwoWayDecoderLayer):
    """One layer of the language model."""

    def __init__(self, config: MPLUGOwl2Config, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = MPLUGOwl2Attention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        width, eps = config.hidden_size, config.rms_norm_eps
        self.input_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))
        self.post_attention_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))
