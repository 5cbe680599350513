"""The language model of every sibling as one plain function, for training and for fast answers.

A sibling is a real class of transformers; the layers of all of them are Llama's, mPLUG-Owl2's with copies for
the positions of pictures. Here they are one function over a table of weights, a third of the kernels that the
classes launch, with masks that let several questions stand behind one picture. A test holds it against the
classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, HEADS, SHARED, HEAD_DIM = 576, 9, 3, 64
"""SmolLM2-135M: hidden width, query heads, key and value heads, width of a head. Layers are counted."""
EPS, THETA = 1e-5, 100_000.0
PICTURE = ".picture"
"""Ends the name of a weight that computes the positions of pictures instead (mPLUG-Owl2)."""

Weights = Mapping[str, Tensor]


@dataclass
class Cache:
    """Keys and values of every layer, (rows, key heads, length, head width), filled up to `seen`."""

    keys: list[Tensor]
    values: list[Tensor]
    seen: int = 0

    @classmethod
    def empty(cls, weights: Weights, rows: int, length: int, *, like: Tensor) -> "Cache":
        """Return room for so many rows and positions."""
        shape = (rows, SHARED, length, HEAD_DIM)
        count = layers(weights)
        return cls(
            [like.new_zeros(shape) for _ in range(count)], [like.new_zeros(shape) for _ in range(count)]
        )


def layers(weights: Weights) -> int:
    """Return how many layers these weights are of."""
    return sum(name.endswith(".mlp.up_proj.weight") for name in weights)


def rotations(positions: Tensor, *, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of rotary positions (rows, length), each (rows, 1, length, head width)."""
    steps = torch.arange(0, HEAD_DIM, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None, :, None].float() * THETA ** (-steps / HEAD_DIM)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def hidden_states(
    weights: Weights,
    embedded: Tensor,
    *,
    positions: Tensor,
    mask: Tensor,
    pictures: Tensor | None = None,
    cache: Cache | None = None,
) -> Tensor:
    """Return the normalised last hidden states, (rows, length, width).

    Args:
        weights: under a Llama's names.
        embedded: (rows, length, width).
        positions: rotary positions, (rows, length).
        mask: added to the scores, (rows, 1, length, length of the cache too).
        pictures: True on the positions of pictures, (rows, length); needed by two-way weights alone.
        cache: is read and added to.
    """
    cos, sin = rotations(positions, dtype=embedded.dtype)
    two_way = pictures is not None and f"model.layers.0.self_attn.k_proj.weight{PICTURE}" in weights
    where = pictures[..., None] if two_way and pictures is not None else None
    hidden = embedded
    for index in range(layers(weights)):
        hidden = _layer(weights, index, hidden, (cos, sin), mask=mask, pictures=where, cache=cache)
    if cache is not None:
        cache.seen += embedded.shape[1]
    return F.rms_norm(hidden, (WIDTH,), weights["model.norm.weight"], EPS)


def _layer(
    weights: Weights,
    index: int,
    hidden: Tensor,
    rotation: tuple[Tensor, Tensor],
    *,
    mask: Tensor,
    pictures: Tensor | None,
    cache: Cache | None,
) -> Tensor:
    stem = f"model.layers.{index}."

    def norm(name: str, states: Tensor) -> Tensor:
        weight = weights[f"{stem}{name}.weight"]
        if pictures is None:
            return F.rms_norm(states, (WIDTH,), weight, EPS)
        chosen = torch.where(pictures, weights[f"{stem}{name}.weight{PICTURE}"], weight)
        return F.rms_norm(states, (WIDTH,), None, EPS) * chosen

    def project(name: str, states: Tensor) -> Tensor:
        result = F.linear(states, weights[f"{stem}{name}.weight"])
        if pictures is not None and f"{stem}{name}.weight{PICTURE}" in weights:
            result = torch.where(pictures, F.linear(states, weights[f"{stem}{name}.weight{PICTURE}"]), result)
        return result

    states = norm("input_layernorm", hidden)
    query, key, value = (project(f"self_attn.{part}_proj", states) for part in "qkv")
    both = torch.cat([query, key], dim=-1).unflatten(-1, (HEADS + SHARED, HEAD_DIM)).transpose(1, 2)
    first, second = both.chunk(2, dim=-1)
    both = both * rotation[0] + torch.cat([-second, first], dim=-1) * rotation[1]
    query, key = both.split([HEADS, SHARED], dim=1)
    value = value.unflatten(-1, (SHARED, HEAD_DIM)).transpose(1, 2)
    hidden = hidden + project("self_attn.o_proj", _attend(index, query, key, value, mask=mask, cache=cache))
    states = norm("post_attention_layernorm", hidden)
    gated = F.silu(project("mlp.gate_proj", states)) * project("mlp.up_proj", states)
    return hidden + project("mlp.down_proj", gated)


def _attend(
    index: int, query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor, cache: Cache | None
) -> Tensor:
    """Return attention's output, heads side by side: (rows, length, width)."""
    rows, _, length, _ = query.shape
    if cache is not None:
        stop = cache.seen + length
        cache.keys[index][:, :, cache.seen : stop] = key
        cache.values[index][:, :, cache.seen : stop] = value
        key, value = cache.keys[index][:, :, :stop], cache.values[index][:, :, :stop]
    group = HEADS // SHARED
    if length == 1:  # the heads that share keys are a length of their own
        output = F.scaled_dot_product_attention(
            query.reshape(rows, SHARED, group, HEAD_DIM), key, value, attn_mask=mask.expand(-1, -1, group, -1)
        )
        return output.reshape(rows, 1, WIDTH)
    key, value = (states.repeat_interleave(group, dim=1) for states in (key, value))
    output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return output.transpose(1, 2).flatten(2)


def causal(allowed: Tensor, *, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores where `allowed` (rows, queries, keys) says who may see whom."""
    mask = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
    return mask.masked_fill_(~allowed, torch.finfo(dtype).min / 2)[:, None]


def logits(weights: Weights, hidden: Tensor) -> Tensor:
    """Return float32 logits of rows of hidden states, (rows, vocabulary); the head is the embedding."""
    return F.linear(hidden, weights["model.embed_tokens.weight"]).float()
