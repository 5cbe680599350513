"""Checkpoints with the names, shapes and configs of real models, and no weights.

`write_layout` makes a folder as it lies on disk: config.json and safetensors files with true headers whose
data is a hole, so a 34 B model takes a few hundred kilobytes. `expected_pair` reads what a pair must map to.
"""

import gzip
import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "layouts"
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "I64": 8, "F8_E4M3": 1}

Tensors = dict[str, tuple[tuple[int, ...], str]]
"""Name to (shape, dtype in safetensors' spelling)."""


def read_layout(model: str) -> tuple[dict[str, Any], Tensors]:
    """The config and tensors of a model, by its hub id or file name."""
    data = _read(f"{model.replace('/', '--')}.json.gz")
    return data["config"], {
        name: (tuple(info["shape"]), info["dtype"]) for name, info in data["tensors"].items()
    }


def write_layout(folder: Path, model: str) -> Path:
    """Write a model's layout under `folder`; the path of the checkpoint."""
    config, tensors = read_layout(model)
    return write_checkpoint(folder / model.replace("/", "--"), tensors, config=config)


def write_checkpoint(
    path: Path, tensors: Tensors, *, config: Mapping[str, Any] | None = None, shards: int = 2
) -> Path:
    """Write tensors as sharded safetensors without data, in the order given."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config or {}))
    names = list(tensors)
    weight_map: dict[str, str] = {}
    for number in range(shards):
        part = names[number * len(names) // shards : (number + 1) * len(names) // shards]
        shard = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        _write_header(path / shard, {name: tensors[name] for name in part})
        weight_map |= dict.fromkeys(part, shard)
    index = {"metadata": {}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    return path


def expected_pair(base: str, donor: str, reading: str) -> dict[str, Any]:
    """The expected mapping of a pair under a reading: `map` and the counts."""
    readings = _read(f"pair--{base.replace('/', '--')}--from--{donor.replace('/', '--')}.json.gz")["readings"]
    found = readings[reading]
    while isinstance(found["map"], str):
        found = {**found, "map": readings[found["map"].removeprefix("same as ")]["map"]}
    return found


def models() -> list[str]:
    """Every model there is a layout of."""
    return [
        file.name.removesuffix(".json.gz").replace("--", "/", 1)
        for file in sorted(DATA.glob("*.json.gz"))
        if not file.name.startswith("pair--")
    ]


def _write_header(path: Path, tensors: Tensors) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (shape, dtype) in tensors.items():
        start, end = end, end + prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        # A hole: the file has its full length and takes no room.
        file.truncate(8 + len(encoded) + end)


def _read(file: str) -> dict[str, Any]:
    with gzip.open(DATA / file) as stream:
        return json.load(stream)


def in_memory_names(tensors: Tensors) -> Tensors:
    """The names transformers 5 uses in memory for a model on disk: `model.language_model.*`, `lm_head`."""
    renamed: Tensors = {}
    for name, info in tensors.items():
        language = name.removeprefix("language_model.")
        if language.startswith("lm_head."):
            renamed[language] = info
        elif language.startswith("model."):
            renamed[f"model.language_model.{language.removeprefix('model.')}"] = info
        else:
            renamed[f"model.{name}"] = info
    return renamed


def tiny_decoder(
    prefix: str = "model.",
    *,
    layers: int = 2,
    hidden: int = 8,
    key_values: int = 4,
    mlp: int = 16,
    rows: int = 20,
    head: str | None = "lm_head.weight",
    bias: bool = False,
    dtype: str = "BF16",
) -> Tensors:
    """The names and shapes of a small Llama-style decoder; `bias` gives it Qwen2's attention biases."""
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}embed_tokens.weight": (rows, hidden)}
    for layer in range(layers):
        inside = f"{prefix}layers.{layer}"
        for letter, width in (("q", hidden), ("k", key_values), ("v", key_values)):
            shapes[f"{inside}.self_attn.{letter}_proj.weight"] = (width, hidden)
            if bias:
                shapes[f"{inside}.self_attn.{letter}_proj.bias"] = (width,)
        shapes[f"{inside}.self_attn.o_proj.weight"] = (hidden, hidden)
        shapes[f"{inside}.mlp.gate_proj.weight"] = (mlp, hidden)
        shapes[f"{inside}.mlp.up_proj.weight"] = (mlp, hidden)
        shapes[f"{inside}.mlp.down_proj.weight"] = (hidden, mlp)
        shapes[f"{inside}.input_layernorm.weight"] = (hidden,)
        shapes[f"{inside}.post_attention_layernorm.weight"] = (hidden,)
    shapes[f"{prefix}norm.weight"] = (hidden,)
    if head:
        shapes[head] = (rows, hidden)
    return {name: (shape, dtype) for name, shape in shapes.items()}


def write_tokenizer(path: Path, tokens: Mapping[str, int], *, added: tuple[str, ...] = ("<|end|>",)) -> None:
    """Write a `tokenizer.json` that knows exactly these tokens; those in `added` as added tokens."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": tokens[token], "content": token, **flags} for token in added if token in tokens
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {token: row for token, row in tokens.items() if token not in added},
            "unk_token": next(iter(tokens)),
        },
    }
    (path / "tokenizer.json").write_text(json.dumps(document))
