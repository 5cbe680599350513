"""Which files of a checkpoint hold its weights: safetensors or `.bin`, single or sharded.

The order of preference is transformers' own: safetensors before `.bin`, a single file before an index. Works
on a listing of names, so a local folder and a hub repository are judged by the same rules.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.limits import INDEX as INDEX_BYTES
from adamms.checkpoints.limits import SHARDS
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.model_files import ModelFiles

SAFETENSORS = "safetensors"
BIN = "bin"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
BIN_SINGLE = "pytorch_model.bin"
BIN_INDEX = "pytorch_model.bin.index.json"
BIN_SUFFIX = ".bin"
WEIGHTS = (".safetensors", BIN_SUFFIX, ".pt", ".pth")
ADAPTER_CONFIG = "adapter_config.json"

_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]+)-of-(?P<count>[0-9]+)\.safetensors")
MOST_DIGITS = 18


@dataclass(frozen=True)
class WeightFiles:
    """The files to read. `index` is the index file's name, `placed` what it says: tensor name -> file."""

    format: str
    shards: tuple[str, ...]
    index: str | None = None
    placed: dict[str, str] | None = None


def find_weight_files(files: "ModelFiles") -> WeightFiles:
    """Choose the weight files among a checkpoint's files.

    Raises:
        CheckpointError: there are no weights, a shard is missing, or an index is malformed.
    """
    for single, index, format_ in ((SINGLE, INDEX, SAFETENSORS), (BIN_SINGLE, BIN_INDEX, BIN)):
        if single in files.names:
            return WeightFiles(format_, (single,))
        if index in files.names:
            return _indexed(files, index, format_=format_)
    if ADAPTER_CONFIG in files.names:
        raise CheckpointError(
            f"{files.source} is a PEFT adapter, not a model: name the model that it was trained on with it, "
            f"as MODEL+{files.source}."
        )
    return _unindexed(files.names, source=files.source)


@dataclass(frozen=True)
class FileLayout:
    """What the files of a kind of checkpoint are called.

    Attributes:
        config: the file with its settings, which every download has.
        find_weights: chooses the weight files among a checkpoint's files.
    """

    config: str
    find_weights: "Callable[[ModelFiles], WeightFiles]"


MODEL = FileLayout("config.json", find_weight_files)


def _indexed(files: "ModelFiles", index: str, *, format_: str) -> WeightFiles:
    source = files.source
    placed = parse_json_object(files.contents(index, limit=INDEX_BYTES), what=f"{index} in {source}").get(
        "weight_map"
    )
    if (
        not isinstance(placed, dict)
        or not placed
        or not all(isinstance(file, str) for file in placed.values())
    ):
        raise CheckpointError(
            f"{index} in {source} has no weight_map of tensor names to files; fetch or export it again."
        )
    shards = sorted(dict.fromkeys(placed.values()), key=natural_order)
    if len(shards) > SHARDS:
        raise CheckpointError(
            f"{index} in {source} names {len(shards):,} files; no model has more than {SHARDS:,}, so "
            "fetch or export the index again."
        )
    for shard in shards:
        if not is_inside(shard):
            raise CheckpointError(
                f"{index} in {source} names the file {shard!r}, which is outside the checkpoint; "
                "nothing outside is read."
            )
        if not shard.endswith(WEIGHTS):
            raise CheckpointError(
                f"{index} in {source} names the file {shard!r}, which is none of weights "
                f"({', '.join(WEIGHTS)}); fetch or repair the index."
            )
    missing = [shard for shard in shards if not files.has(shard)]
    if missing:
        raise CheckpointError(
            f"{source} lacks {_listed(missing)}, named in {index}: "
            f"{len(missing)} of {len(shards)} shards; fetch the checkpoint completely."
        )
    return WeightFiles(format_, tuple(shards), index, placed)


def _unindexed(names: Collection[str], *, source: str) -> WeightFiles:
    """One safetensors file under any name, or a complete numbered set without its index."""
    files = sorted(
        (name for name in names if name.endswith(".safetensors") and "/" not in name), key=natural_order
    )
    if len(files) == 1 and not _NUMBERED.fullmatch(files[0]):
        return WeightFiles(SAFETENSORS, (files[0],))
    if not files:
        raise CheckpointError(
            f"There are no weights in {source}: no {SINGLE}, {INDEX}, {BIN_SINGLE} or {BIN_INDEX}"
            f"{_unread(names)}."
        )
    matches = [match for match in map(_NUMBERED.fullmatch, files) if match]
    kinds = sorted({(match["stem"], _number(match["count"])) for match in matches})
    if len(matches) != len(files) or len(kinds) != 1:
        raise CheckpointError(
            f"{source} holds several safetensors files ({_listed(files)}) and no {INDEX} that says which "
            "belong together; fetch the index, or keep one file."
        )
    count = kinds[0][1]
    numbers = {number for match in matches if 1 <= (number := _number(match["number"])) <= count}
    if len(numbers) < count or not count:
        # One of the first so many is not there.
        first = next(number for number in range(1, len(numbers) + 2) if number not in numbers)
        raise CheckpointError(
            f"{source} lacks shard {first} of {count} ({count - len(numbers)} missing in all); "
            "fetch the checkpoint completely."
        )
    return WeightFiles(SAFETENSORS, tuple(files))


def is_inside(name: str) -> bool:
    """Whether a relative file name stays below its folder by its spelling alone."""
    return bool(name) and "\0" not in name and not name.startswith("/") and ".." not in name.split("/")


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key under which shard 2 comes before shard 10, zero-padded or not."""
    parts = re.split(r"([0-9]+)", name)
    # Numbers, at the odd places, by their length and then their digits: however many they are.
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (-1, part)
        for place, part in enumerate(parts)
    ]


def _number(digits: str) -> int:
    """A shard's number or count; one that no computer could count to is as good as another."""
    return int(digits) if len(digits) <= MOST_DIGITS else 10**MOST_DIGITS


def parse_json_object(raw: bytes, *, what: str) -> dict[str, Any]:
    """A JSON object out of a checkpoint's file.

    Raises:
        CheckpointError: it is not JSON, or not an object.
    """
    try:
        value = parse_json(raw)
    except ValueError as error:
        raise CheckpointError(f"{what} is not valid JSON ({error}); fetch or repair it.") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{what} is not a JSON object; fetch or repair it.")
    return value


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unread(names: Collection[str]) -> str:
    """A hint at weights of a format that is not read."""
    other = sorted(
        name for name in names if name.endswith((".gguf", ".pth", ".pt", ".h5", ".msgpack", ".onnx"))
    )
    if not other:
        return ""
    way_out = ""
    if other[0].endswith(".gguf"):
        way_out = "; transformers converts it: from_pretrained(..., gguf_file=...), then save_pretrained"
    return f" ({other[0]} is of a format that is not read here{way_out})"
