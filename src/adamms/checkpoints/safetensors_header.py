"""The header of a safetensors file, parsed and checked without reading any tensor.

Stricter than needed to read a good file, because a bad one must be told in one sentence: lengths in range,
JSON without repeated keys, known dtypes, data areas that match their shapes and follow one another without
gap or overlap. The data itself may be missing (a headers-only copy): only `Checkpoint.require_data` minds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.limits import DIMENSIONS, TENSORS
from adamms.checkpoints.tensor_info import DTYPE_BITS, TensorInfo
from adamms.errors import CheckpointError

# The format's own limit; a larger number is the first bytes of some other kind of file.
MAX_HEADER_BYTES = 100_000_000
LENGTH_BYTES = 8
MAX_FILE_BYTES = 2**63 - 1


@dataclass(frozen=True)
class SafetensorsHeader:
    """What one file holds: its tensors in file order, its free-form metadata, the size it must have."""

    tensors: tuple[TensorInfo, ...]
    metadata: dict[str, str]
    file_size: int
    raw: bytes


def read_header(read: Callable[[int, int], bytes], *, shard: str, size: int) -> SafetensorsHeader:
    """Read and check the header of one safetensors file.

    Args:
        read: gives the bytes at (offset, length) of the file, fewer at its end.
        shard: the file's name, for the tensors and for messages.
        size: the file's actual size in bytes.

    Raises:
        CheckpointError: the file is no safetensors file, is cut inside its header, or its header lies.
    """
    prefix = read(0, LENGTH_BYTES + 1)
    if len(prefix) < LENGTH_BYTES + 1:
        raise CheckpointError(
            f"{shard} is only {size} bytes long, too short for a safetensors file; fetch it again."
        )
    length = int.from_bytes(prefix[:LENGTH_BYTES], "little")
    if not 2 <= length <= MAX_HEADER_BYTES or not prefix.endswith(b"{"):
        raise CheckpointError(
            f"{shard} is not a safetensors file: it does not begin with a length of 2 to {MAX_HEADER_BYTES} "
            f"and a JSON object; {_guess(prefix)}."
        )
    raw = read(LENGTH_BYTES, length)
    if len(raw) < length:
        raise CheckpointError(
            f"The header of {shard} is cut off: it should have {length} bytes and the file ends after "
            f"{len(raw)} of them; fetch the file again."
        )
    return parse_header(raw, shard=shard, size=size)


def parse_header(raw: bytes, *, shard: str, size: int | None = None) -> SafetensorsHeader:
    """Parse the JSON of a header and check every entry; `size` is the file's actual size, if known.

    Raises:
        CheckpointError: the first thing found wrong, with the tensor and the file.
    """
    entries = _load(raw, shard)
    metadata = _metadata(entries.pop("__metadata__", {}), shard)
    if len(entries) > TENSORS:
        raise CheckpointError(
            f"The header of {shard} lists {len(entries):,} tensors; no model has more than {TENSORS:,}, so "
            "export the file again."
        )
    start = LENGTH_BYTES + len(raw)
    infos = sorted(
        (_info(name, entry, shard=shard, start=start) for name, entry in entries.items()),
        key=lambda info: (info.offset, info.nbytes),
    )
    end = start
    for before, info in zip([None, *infos], infos, strict=False):
        if info.offset != end:
            kind = "overlaps" if info.offset < end else "leaves a gap after"
            other = repr(before.name) if before else "the header"
            raise CheckpointError(
                f"The header of {shard} is wrong: {info.name!r} (at byte {info.offset - start} of the data) "
                f"{kind} {other}, which ends at byte {end - start}; export the file again."
            )
        end = info.offset + info.nbytes
    if size is not None and size > end:
        raise CheckpointError(
            f"{shard} is {size} bytes long but its header accounts for {end}; export the file again."
        )
    return SafetensorsHeader(tuple(infos), metadata, end, raw)


def _load(raw: bytes, shard: str) -> dict[str, Any]:
    try:
        entries = parse_json(raw, object_pairs_hook=_unique)
    except ValueError as error:
        raise CheckpointError(
            f"The header of {shard} is not valid JSON ({error}); fetch the file again."
        ) from None
    if not isinstance(entries, dict):
        raise CheckpointError(f"The header of {shard} is not a JSON object; it is not a safetensors file.")
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        seen: set[str] = set()
        repeated = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {repeated!r} is there twice")
    return entries


def _metadata(value: object, shard: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise CheckpointError(
            f"The header of {shard} is wrong: __metadata__ must map strings to strings; "
            "export the file again."
        )
    return value


def _info(name: str, entry: object, *, shard: str, start: int) -> TensorInfo:
    """One checked entry; `start` is where the data area begins in the file."""

    def wrong(what: str) -> CheckpointError:
        return CheckpointError(f"The header of {shard} is wrong at {name!r}: {what}; export the file again.")

    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise wrong("the name is not valid Unicode") from None
    if not isinstance(entry, dict) or sorted(entry) != ["data_offsets", "dtype", "shape"]:
        raise wrong("an entry has dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise wrong(f"the dtype {repr(dtype)[:80]} is unknown")
    if not _sizes(shape) or len(shape) > DIMENSIONS:
        raise wrong(f"the shape {repr(shape)[:80]} is not a list of sizes")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise wrong(f"the data_offsets {repr(offsets)[:80]} are not a begin and an end")
    bits = prod(shape) * DTYPE_BITS[dtype]
    if bits % 8:
        raise wrong(f"{prod(shape)} elements of {dtype} do not fill whole bytes")
    if bits // 8 != offsets[1] - offsets[0]:
        raise wrong(
            f"{dtype} of shape {shape} takes {bits // 8} bytes, "
            f"but its data_offsets span {offsets[1] - offsets[0]}"
        )
    return TensorInfo(name, tuple(shape), dtype, shard, start + offsets[0])


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number <= MAX_FILE_BYTES // 2 for number in value
    )


def _guess(prefix: bytes) -> str:
    """What the file may be instead, from its first bytes."""
    if prefix.startswith(b"version "):
        return "it looks like a Git LFS pointer, so run `git lfs pull` in the checkpoint's folder"
    if prefix.startswith(b"PK"):
        return "it looks like a PyTorch file, which should be named .bin"
    if prefix.lstrip()[:1] == b"<":
        return "it looks like a web page, so fetch it again"
    return "fetch it again"
