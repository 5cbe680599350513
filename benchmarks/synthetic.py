"""Full-size checkpoints with real names, shapes and dtypes and synthetic weights, for speed and memory.

Values are one random block repeated, so a checkpoint is written at the speed of the disk; they are finite and
of a trained model's scale, and say nothing about quality.
"""

import gzip
import json
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

BYTES = {"BF16": 2, "F16": 2, "F32": 4}
Layout = dict[str, tuple[tuple[int, ...], str]]


def qwen2(*, hidden: int, ffn: int, layers: int, kv: int, rows: int = 151_936) -> Layout:
    """The tensors of a Qwen2 language model with a tied head: name -> (shape, dtype)."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (rows, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for name, outputs in (("q", hidden), ("k", kv), ("v", kv)):
            shapes[f"{at}self_attn.{name}_proj.weight"] = (outputs, hidden)
            shapes[f"{at}self_attn.{name}_proj.bias"] = (outputs,)
        shapes[f"{at}self_attn.o_proj.weight"] = (hidden, hidden)
        shapes[f"{at}mlp.gate_proj.weight"] = (ffn, hidden)
        shapes[f"{at}mlp.up_proj.weight"] = (ffn, hidden)
        shapes[f"{at}mlp.down_proj.weight"] = (hidden, ffn)
        shapes[f"{at}input_layernorm.weight"] = (hidden,)
        shapes[f"{at}post_attention_layernorm.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    return {name: (shape, "BF16") for name, shape in shapes.items()}


def real_layout(path: Path) -> tuple[Layout, dict[str, Any]]:
    """A recorded layout of a published checkpoint (`tests/data/layouts`) and its config."""
    data = json.loads(gzip.decompress(path.read_bytes()))
    layout = {name: (tuple(info["shape"]), info["dtype"]) for name, info in data["tensors"].items()}
    return layout, data["config"]


def write_checkpoint(
    folder: Path, layout: Layout, config: dict[str, Any], *, seed: int, shard_size: int = 5 * 10**9
) -> int:
    """Write a sharded safetensors checkpoint; returns the bytes of its tensors."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    shards: list[list[str]] = [[]]
    size = 0
    for name, (shape, dtype) in layout.items():
        nbytes = prod(shape) * BYTES[dtype]
        if size and size + nbytes > shard_size:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += nbytes
    weight_map, total = {}, 0
    for number, names in enumerate(shards, 1):
        shard = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        total += _write_shard(folder / shard, {name: layout[name] for name in names}, seed + number)
        weight_map |= dict.fromkeys(names, shard)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def header_of(layout: Layout) -> tuple[bytes, dict[str, Any], int]:
    """A safetensors file up to its values, what it says of each tensor, and how many bytes the values are."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (shape, dtype) in layout.items():
        end = offset + prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, header, offset


def _write_shard(path: Path, layout: Layout, seed: int) -> int:
    head, _, total = header_of(layout)
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(head)
        for shape, dtype in layout.values():
            block = _values(random, dtype)
            nbytes = prod(shape) * BYTES[dtype]
            for start in range(0, nbytes, len(block)):
                file.write(block[: min(len(block), nbytes - start)])
    return total


def _values(random: np.random.Generator, dtype: str, count: int = 1 << 20) -> bytes:
    values = random.standard_normal(count, dtype=np.float32) * np.float32(0.02)
    if dtype == "F32":
        return values.tobytes()
    if dtype == "F16":
        return values.astype(np.float16).tobytes()
    return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
