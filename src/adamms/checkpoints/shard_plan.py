"""Where each tensor of an output checkpoint goes: which shard, in which order, at which byte.

The base's own distribution over files is kept unless a shard size is asked for. A plan is a value; nothing
is written here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adamms.checkpoints.safetensors_header import LENGTH_BYTES
from adamms.checkpoints.tensor_info import DTYPE_BITS, TensorInfo
from adamms.checkpoints.weight_files import SAFETENSORS, SINGLE

if TYPE_CHECKING:
    from adamms.checkpoints.tensor_source import TensorSource

# What `dtype` may be, as torch and config.json spell it. Only these are converted: float8 weights belong to
# a quantisation whose scales would be lost.
STORED_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}
ALIGNMENT = 8


@dataclass(frozen=True)
class ShardPlan:
    """One output file: its tensors in file order with their offsets, and its header as it is written."""

    name: str
    tensors: tuple[TensorInfo, ...]
    header: bytes

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return len(self.header) + sum(info.nbytes for info in self.tensors)


def plan_shards(
    base: "TensorSource", *, dtype: str | None = None, max_shard_size: int | None = None
) -> tuple[ShardPlan, ...]:
    """Plan the output's files.

    Args:
        base: the checkpoint whose tensors, in their order, are laid out.
        dtype: `bfloat16`, `float16` or `float32` for floating tensors; None keeps each tensor's own.
        max_shard_size: bytes a file may hold; None keeps the base's distribution. A larger tensor gets a
            file of its own.
    """
    infos = [_converted(info, dtype) for info in base.tensors.values()]
    if max_shard_size is None:
        groups = [[info for info in infos if info.shard == shard] for shard in base.shards]
        keeps_names = base.format == SAFETENSORS and (base.indexed or len(base.shards) > 1)
    else:
        groups, keeps_names = _by_size(infos, max_shard_size), False
    groups = [group for group in groups if group]
    names = [group[0].shard for group in groups] if keeps_names else _numbered(len(groups))
    return tuple(_lay_out(name, group) for name, group in zip(names, groups, strict=True))


def index_json(tensors: Mapping[str, TensorInfo]) -> str:
    """The index file's text: which shard holds each tensor."""
    metadata = {
        "total_parameters": sum(info.numel for info in tensors.values()),
        "total_size": sum(info.nbytes for info in tensors.values()),
    }
    weight_map = {name: tensors[name].shard for name in sorted(tensors)}
    return json.dumps({"metadata": metadata, "weight_map": weight_map}, indent=2, ensure_ascii=False) + "\n"


def _converted(info: TensorInfo, dtype: str | None) -> TensorInfo:
    if dtype is None or info.dtype not in STORED_DTYPES.values():
        return info
    return replace(info, dtype=STORED_DTYPES[dtype])


def _by_size(infos: Iterable[TensorInfo], limit: int) -> list[list[TensorInfo]]:
    groups: list[list[TensorInfo]] = []
    room = 0
    for info in infos:
        if not groups or info.nbytes > room:
            groups.append([])
            room = limit
        groups[-1].append(info)
        room -= info.nbytes
    return groups


def _numbered(count: int) -> list[str]:
    """The names transformers gives to `count` files."""
    if count == 1:
        return [SINGLE]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


def _lay_out(name: str, infos: list[TensorInfo]) -> ShardPlan:
    """Give every tensor its offset, in the base's order if that leaves all of them aligned."""
    if not _aligned(infos):
        infos = sorted(infos, key=lambda info: -DTYPE_BITS[info.dtype])
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for info in infos:
        entries[info.name] = {
            "dtype": info.dtype,
            "shape": list(info.shape),
            "data_offsets": [position, position + info.nbytes],
        }
        position += info.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    header = len(text).to_bytes(LENGTH_BYTES, "little") + text
    placed, offset = [], len(header)
    for info in infos:
        placed.append(replace(info, shard=name, offset=offset))
        offset += info.nbytes
    return ShardPlan(name, tuple(placed), header)


def _aligned(infos: Iterable[TensorInfo]) -> bool:
    position = 0
    for info in infos:
        if position * 8 % DTYPE_BITS[info.dtype]:
            return False
        position += info.nbytes
    return True
