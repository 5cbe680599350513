"""The header of a `.bin` file that torch.save wrote: every tensor's name, shape, dtype and place.

Both containers are read: the zip archive of today (records stored uncompressed, so a tensor is a range of
the file) and the plain stream from before torch 1.6. torch itself is not needed, and no pickle is run.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from adamms.checkpoints.limits import PICKLE, TENSORS
from adamms.checkpoints.state_dict_pickle import StoredTensor, read_pickle
from adamms.checkpoints.tensor_info import DTYPE_BITS, UNPLACED, TensorInfo
from adamms.errors import CheckpointError

ZIP_MAGIC = b"PK\x03\x04"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LOCAL_HEADER_BYTES = 30


class _BeforeStartError(OSError):
    """A damaged directory points before the file; `zipfile` itself expects an OSError and handles some."""


DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    _BeforeStartError,
)

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class StridedView:
    """Where a tensor that is not contiguous lies: first byte, elements spanned, strides in elements."""

    start: int
    elements: int
    strides: tuple[int, ...]

    def end(self, itemsize: int) -> int:
        """The byte after its last element."""
        return self.start + self.elements * itemsize


@dataclass(frozen=True)
class TorchHeader:
    """What one file holds. `strided` has the tensors whose data is not contiguous, if places are known."""

    tensors: tuple[TensorInfo, ...]
    strided: dict[str, StridedView]
    file_size: int
    raw: bytes


@dataclass(frozen=True)
class _Archive:
    """A container opened: the value it describes and where each storage's bytes begin and end."""

    value: Any
    places: dict[str, tuple[int, int]]
    file_size: int
    raw: bytes


def read_torch_header(read: Read, *, shard: str, size: int, place: bool = True) -> TorchHeader:
    """Read what a `.bin` file holds, but none of its tensors.

    Args:
        read: gives the bytes at (offset, length) of the file, fewer at its end.
        shard: the file's name, for the tensors and for messages.
        size: the file's size in bytes.
        place: find out where each tensor's bytes lie, at the price of a small read a tensor.

    Raises:
        CheckpointError: the file is damaged, is no file of tensors, or wants to run code.
    """
    stream = _Stream(read, size)
    archive = _read_zip if read(0, len(ZIP_MAGIC)) == ZIP_MAGIC else _read_legacy
    try:
        opened = archive(stream, shard, place)
    except DAMAGED as error:
        raise CheckpointError(
            f"{shard} cannot be read as a file of tensors ({error or type(error).__name__}); fetch it again."
        ) from None
    tensors, strided = [], {}
    for name, stored in _state_dict(opened.value, shard).items():
        info, view = _placed(name, stored, shard=shard, places=opened.places if place else None)
        tensors.append(info)
        if view:
            strided[name] = view
    return TorchHeader(tuple(tensors), strided, opened.file_size, opened.raw)


# The two containers


def _read_zip(stream: BinaryIO, shard: str, place: bool) -> _Archive:
    with zipfile.ZipFile(stream) as archive:
        records = {record.filename: record for record in archive.infolist()}
        if len(records) > TENSORS:
            raise CheckpointError(
                f"{shard} has {len(records):,} records, more than any model; fetch it again."
            )
        pickles = [name for name in records if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise CheckpointError(f"{shard} is a zip archive but not a file of tensors by torch.save.")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in records:
            raise CheckpointError(f"{shard} is a TorchScript program; use the model's own weights.")
        if records[pickles[0]].file_size > PICKLE:
            raise CheckpointError(f"{shard} claims a list of tensors too long to be true; fetch it again.")
        if any(
            record.compress_type != zipfile.ZIP_STORED
            for name, record in records.items()
            if name in (pickles[0], f"{root}byteorder")
        ):
            raise CheckpointError(f"{shard} is compressed; save it again with torch.save.")
        if f"{root}byteorder" in records and archive.open(f"{root}byteorder").read(9) != b"little":
            raise CheckpointError(f"{shard} was saved on a big-endian machine, which is not read here.")
        raw = archive.read(pickles[0])
        places = {}
        end = stream.seek(0, io.SEEK_END)
        for name, record in records.items():
            if name.startswith(f"{root}data/"):
                if record.compress_type != zipfile.ZIP_STORED:
                    raise CheckpointError(f"{shard} is compressed; save it again with torch.save.")
                start = _data_offset(stream, record) if place else 0
                if start + record.file_size > end:
                    raise ValueError(f"the record {name!r} would end after the file")
                places[name.removeprefix(f"{root}data/")] = (start, start + record.file_size)
    return _Archive(read_pickle(io.BytesIO(raw), shard=shard), places, end, raw)


def _data_offset(stream: BinaryIO, record: zipfile.ZipInfo) -> int:
    """Where a record's data begins: after its local header, whose padding only the file itself knows."""
    stream.seek(record.header_offset)
    header = stream.read(LOCAL_HEADER_BYTES)
    if header[:4] != ZIP_MAGIC or len(header) < LOCAL_HEADER_BYTES:
        raise ValueError(f"the record {record.filename!r} is not where the directory says")
    name_length, extra_length = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return record.header_offset + LOCAL_HEADER_BYTES + name_length + extra_length


def _read_legacy(stream: BinaryIO, shard: str, place: bool) -> _Archive:
    """Five pickles (magic number, version, machine, the value, the storages' order), then the data."""
    if read_pickle(stream, shard=shard) != LEGACY_MAGIC:
        raise ValueError("it was not written by torch.save")
    read_pickle(stream, shard=shard)
    machine = read_pickle(stream, shard=shard)
    if not isinstance(machine, dict):
        raise ValueError("it does not say on which machine it was written")
    if not machine.get("little_endian", True):
        raise CheckpointError(f"{shard} was saved on a big-endian machine, which is not read here.")
    value = read_pickle(stream, shard=shard)
    order = read_pickle(stream, shard=shard)
    position = stream.tell()
    stream.seek(0)
    raw = stream.read(position)
    if not isinstance(order, list) or not all(isinstance(key, str | int) for key in order):
        raise ValueError("its list of storages is none")
    sizes = {
        stored.storage: stored.storage_elements * DTYPE_BITS[stored.storage_dtype] // 8
        for stored in _tensors_in(value)
    }
    places = {}
    for key in map(str, order):
        position += 8  # the storage's length, once more
        places[key] = (position, position + sizes[key])
        position += sizes[key]
    return _Archive(value, places, position, raw)


# The state dict


def _state_dict(value: Any, shard: str) -> dict[str, StoredTensor]:
    """The tensors by name; of a training checkpoint, those under `state_dict`.

    Raises:
        CheckpointError: the file holds something else than named tensors.
    """
    if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
        value = value["state_dict"]
    if not isinstance(value, dict):
        raise CheckpointError(f"{shard} holds a {type(value).__name__}, not a dictionary of tensors.")
    for name, entry in value.items():
        if not isinstance(name, str) or not isinstance(entry, StoredTensor):
            kind = "tensor" if isinstance(entry, StoredTensor) else type(entry).__name__
            raise CheckpointError(
                f"{shard} holds {name!r} ({kind}) among its tensors; export the model with "
                "save_pretrained, or save its state_dict() alone."
            )
    return value


def _tensors_in(value: Any) -> Iterator[StoredTensor]:
    """All tensors, however deep; what is shared, or holds itself, is walked once."""
    known: set[int] = set()
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, StoredTensor):
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in known:
            known.add(id(value))
            left += value.values() if isinstance(value, dict) else value


def _placed(
    name: str, stored: StoredTensor, *, shard: str, places: dict[str, tuple[int, int]] | None
) -> tuple[TensorInfo, StridedView | None]:
    """A tensor with its place in the file, checked against the bytes that its storage has."""
    itemsize = DTYPE_BITS[stored.dtype] // 8
    pairs = list(zip(stored.shape, stored.strides, strict=True))
    spanned = 1 + sum((size - 1) * stride for size, stride in pairs) if prod(stored.shape) else 0
    unplaced = TensorInfo(name, stored.shape, stored.dtype, shard, UNPLACED)
    if places is None:
        return unplaced, None
    if stored.storage not in places:
        raise CheckpointError(f"{shard} lacks the data of {name!r}; fetch it again.")
    begin, end = places[stored.storage]
    start = begin + stored.offset * itemsize
    if start + spanned * itemsize > end:
        raise CheckpointError(
            f"{name!r} in {shard} would reach beyond its data: {stored.shape} of {stored.dtype} does not fit "
            f"in {end - begin} bytes; fetch it again."
        )
    if not _contiguous(pairs):
        return unplaced, StridedView(start, spanned, stored.strides)
    return TensorInfo(name, stored.shape, stored.dtype, shard, start), None


def _contiguous(pairs: list[tuple[int, int]]) -> bool:
    expected = 1
    for size, stride in reversed(pairs):
        if size == 0:
            return True
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


class _Stream(io.BufferedReader):
    """A file, wherever it lies, that never sets aside more memory for a read than the file has bytes."""

    def __init__(self, read: Read, size: int) -> None:
        super().__init__(_Window(read, size), 1 << 12)
        self._size = size
        self._taken = 0

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes; a damaged file may ask for any number.

        Raises:
            ValueError: more is asked for, or was, than a list of tensors or a directory of records takes.
        """
        left = max(self._size - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        self._taken += wanted
        if wanted > PICKLE or self._taken > 4 * PICKLE:
            raise ValueError("it asks for more than any list of tensors takes")
        return super().read(wanted)

    def readline(self, size: int | None = -1) -> bytes:
        """Up to a line's end, if there is one within what a list of tensors takes."""
        return super().readline(PICKLE if size is None or size < 0 else min(size, PICKLE))


class _Window(io.RawIOBase):
    """Positioned reads as a raw stream, for `zipfile` and `pickletools`."""

    def __init__(self, read: Read, size: int) -> None:
        self._read_at = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise _BeforeStartError("a position before the file's start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the current place."""
        view = memoryview(buffer).cast("B")
        data = self._read_at(self._position, min(len(view), max(self._size - self._position, 0)))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
