"""What the attentions of both architectures share: heads, a config's kind of attention, frequencies.

The kernels (eager, SDPA), the rotation of queries and keys and the cache are transformers' own.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, eager_attention_forward


def split_heads(states: Tensor, head_dim: int) -> Tensor:
    """(batch, length, heads x head_dim) as (batch, heads, length, head_dim)."""
    return states.unflatten(-1, (-1, head_dim)).transpose(1, 2)


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor | None, dropout: float
) -> tuple[Tensor, Tensor | None]:
    """Attention over heads with the implementation of `module.config`; the heads side by side again.

    Args:
        module: says whether it is causal, and how many queries share a key.
        query: (batch, heads, length, head_dim).
        key: (batch, key heads, length of the cache too, head_dim).
        value: the same shape.
        mask: the causal mask as the implementation wants it, or None.
        dropout: of the attention weights, in training.

    Returns:
        The output (batch, length, heads x head_dim), and the weights where the implementation has them.
    """
    implementation = module.config._attn_implementation
    interface = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager_attention_forward)
    output, weights = interface(
        module,
        query,
        key,
        value,
        mask,
        scaling=query.shape[-1] ** -0.5,
        dropout=dropout if module.training else 0.0,
    )
    return output.flatten(2), weights


def inherit_attention(config: Any) -> None:
    """Let the parts of a model whose configs ask for no attention of their own use the whole model's.

    transformers does this for parts that are models themselves; here they are plain modules.
    """
    for name in config.sub_configs:
        part = getattr(config, name)
        if part._attn_implementation is None:
            part._attn_implementation_internal = config._attn_implementation
        inherit_attention(part)


class StoredFrequencies(nn.Module):
    """The rotary frequencies that the official checkpoints hold in every layer.

    They are read and written, so that a saved model has the official names, and never computed with: the
    files round them to the weights' dtype, and the model computes them from its config in float32.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.inv_freq: Tensor
        self.register_buffer("inv_freq", self.computed())

    def computed(self) -> Tensor:
        """The frequencies as the config has them."""
        frequencies, _ = LlamaRotaryEmbedding.compute_default_rope_parameters(self.config)
        return frequencies.to(torch.float32)


class FusedSelfAttention(nn.Module):
    """Bidirectional attention of a vision tower over one fused projection of queries, keys and values.

    Args:
        config: the tower's.
        by_head: the rows of the projection lie [heads][q, k, v] (mPLUG-Owl2), else [q, k, v][heads] (CogVLM).
        dropout: of the attention weights, in training.
    """

    is_causal = False
    num_key_value_groups = 1

    def __init__(self, config: Any, *, by_head: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.by_head = by_head
        self.dropout = dropout
        self.heads = config.num_attention_heads
        self.head_dim = config.hidden_size // self.heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, length, hidden) -> the same shape."""
        fused = self.query_key_value(hidden)
        if self.by_head:
            parts = fused.unflatten(-1, (self.heads, 3, self.head_dim)).unbind(-2)
        else:
            parts = fused.unflatten(-1, (3, self.heads, self.head_dim)).unbind(-3)
        query, key, value = (part.transpose(1, 2) for part in parts)
        output, _ = attend(self, query, key, value, mask=None, dropout=self.dropout)
        projected: Tensor = self.dense(output)
        return projected


class LayerStack(nn.Module):
    """Layers in a row, under the name `layers`: a vision tower's encoder, or an abstractor's."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, hidden: Tensor, *context: Tensor) -> Tensor:
        """(images, length, width) -> the same shape; every layer reads the same `context`."""
        for layer in self.layers:
            hidden = layer(hidden, *context)
        return hidden
