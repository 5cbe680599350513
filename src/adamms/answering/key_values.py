"""Keys and values of answers in progress: the pool that unfinished rows of many batches share.

Rows of different lengths are padded on the left and decoded together (section 3.3's answers, faster). The
buffers have room for tokens to come, so a step writes one column instead of copying the whole cache. This
file knows no prompts and no tokens.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

SPARE_COLUMNS = 32
"""Columns added whenever a buffer is full."""


class PreallocatedLayer(DynamicLayer):  # type: ignore[misc]
    """A full-attention cache layer whose buffers are longer than what is in them."""

    def __init__(self, keys: Tensor, values: Tensor, *, length: int) -> None:
        super().__init__()
        self.dtype, self.device = keys.dtype, keys.device
        self._keys, self._values = keys, values
        self._show(length)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new columns behind the others and return all that are in use."""
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if end > self._keys.shape[-2]:
            self._keys = _widened(self._keys, end + SPARE_COLUMNS)
            self._values = _widened(self._values, end + SPARE_COLUMNS)
        self._keys[..., start:end, :] = key_states
        self._values[..., start:end, :] = value_states
        self._show(end)
        return self.keys, self.values

    def _show(self, length: int) -> None:
        self.keys = self._keys[..., :length, :]
        self.values = self._values[..., :length, :]


def new_cache() -> Cache:
    """An empty cache for a prefill: full attention in every layer, whatever the model's own windows."""
    return DynamicCache()


def pooled(caches: Sequence[Cache], rows: Sequence[Tensor], *, trims: Sequence[int]) -> Cache:
    """One cache from the chosen rows of several, aligned on the right.

    The sources are emptied layer by layer on the way, so that the pool never exists twice.

    Args:
        caches: where the rows come from.
        rows: for each cache the indices of the rows to keep.
        trims: for each cache how many leading columns none of these rows uses.
    """
    width = max(cache.get_seq_length() - trim for cache, trim in zip(caches, trims, strict=True))
    layers: list[DynamicLayer] = []
    for index in range(len(caches[0].layers)):
        sources = [cache.layers[index] for cache in caches]
        joined = []
        for name in ("keys", "values"):
            parts = [
                _chosen(getattr(source, name)[..., trim:, :], chosen)
                for source, chosen, trim in zip(sources, rows, trims, strict=True)
            ]
            joined.append(_aligned(parts, width))
        layers.append(PreallocatedLayer(*joined, length=width))
        for cache in caches:
            cache.layers[index] = DynamicLayer()
    return Cache(layers=layers)


def repeated(cache: Cache, rows: Sequence[int]) -> Cache:
    """A cache of its own that holds these rows, each as often as it is named, with room behind them."""
    layers: list[DynamicLayer] = []
    for layer in cache.layers:
        chosen = torch.tensor(rows, device=layer.keys.device)
        keys, values = (part.index_select(0, chosen) for part in (layer.keys, layer.values))
        layers.append(PreallocatedLayer(keys, values, length=keys.shape[-2]))
    return Cache(layers=layers)


def cache_bytes(cache: Cache) -> int:
    """What a cache holds."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def _chosen(values: Tensor, rows: Tensor) -> Tensor:
    """Some rows, wherever the layer lies."""
    return values.index_select(0, rows.to(values.device))


def _aligned(parts: Sequence[Tensor], width: int) -> Tensor:
    """Stack blocks of rows, their last columns in line, zeros to the left, room to the right."""
    count = sum(len(part) for part in parts)
    _, heads, _, size = parts[0].shape
    out = parts[0].new_empty((count, heads, width + SPARE_COLUMNS, size))
    start = 0
    for part in parts:
        pad = width - part.shape[-2]
        block = out[start : start + len(part)]
        block[..., :pad, :] = 0  # masked, but a weight of zero times garbage must stay zero
        block[..., pad:width, :] = part
        start += len(part)
    return out


def _widened(buffer: Tensor, columns: int) -> Tensor:
    wide = torch.empty(
        (*buffer.shape[:-2], columns, buffer.shape[-1]), dtype=buffer.dtype, device=buffer.device
    )
    wide[..., : buffer.shape[-2], :] = buffer
    return wide
