"""CogVLM's language layers: a Llama layer whose attention projections and MLP have a visual expert.

Fused projections lie [Q; K; V], each heads x head_dim rows; the norms are shared by both experts.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

from adamms.models.decoder import TwoWayAttention, TwoWayDecoderLayer
from adamms.models.routing import Routing, TwoWay, route

if TYPE_CHECKING:
    from adamms.models.cogvlm.configuration import CogVLMConfig


class CogVLMAttention(TwoWayAttention):
    """Causal attention; its projections are two-way."""

    def __init__(self, config: CogVLMConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        width, inner = config.hidden_size, config.num_attention_heads * self.head_dim
        self.language_expert_query_key_value = nn.Linear(width, 3 * inner, bias=False)
        self.language_expert_dense = nn.Linear(inner, width, bias=False)
        self.vision_expert_query_key_value = nn.Linear(width, 3 * inner, bias=False)
        self.vision_expert_dense = nn.Linear(inner, width, bias=False)

    def project(self, hidden: Tensor, *, routing: Routing | None) -> tuple[Tensor, Tensor, Tensor]:
        """Thirds of the fused projection."""
        fused = route(
            routing,
            hidden,
            first=self.language_expert_query_key_value,
            second=self.vision_expert_query_key_value,
        )
        query, key, value = fused.chunk(3, dim=-1)
        return query, key, value

    def output(self, attended: Tensor, *, routing: Routing | None) -> Tensor:
        """(batch, length, heads x head_dim) -> (batch, length, width)."""
        return route(routing, attended, first=self.language_expert_dense, second=self.vision_expert_dense)


class CogVLMMLP(TwoWay):
    """A two-way gated MLP."""

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__()
        self.language_mlp = LlamaMLP(config)
        self.vision_mlp = LlamaMLP(config)

    def copies(self) -> tuple[nn.Module, nn.Module]:
        """The experts."""
        return self.language_mlp, self.vision_mlp


class CogVLMDecoderLayer(TwoWayDecoderLayer):
    """One layer of the language model."""

    def __init__(self, config: CogVLMConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = CogVLMAttention(config, layer_idx)
        self.mlp = CogVLMMLP(config)
        self.input_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
