"""Reads tensors' bytes out of weight files that lie on this machine.

Two ways: into the caller's buffer by positioned reads, which leaves nothing mapped in memory and is safe
from several threads; or as a memory-mapped torch tensor, for which alone torch is imported.
"""

import mmap
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints.file_calls import OPEN_FLAGS, read_at
from adamms.checkpoints.local_files import machine_faults
from adamms.checkpoints.tensor_info import DTYPE_BITS, UNPLACED, TensorInfo
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.torch_file import StridedView
    from adamms.checkpoints.torch_tensor import Tensor


class TensorData:
    """The open weight files of one checkpoint.

    Args:
        source: the checkpoint, for messages.
        locate: gives the path of a weight file.
        strided: the places of tensors that are not contiguous in their files.
    """

    def __init__(
        self, source: str, *, locate: Callable[[str], Path], strided: Mapping[str, "StridedView"]
    ) -> None:
        self._source = source
        self._locate = locate
        self._strided_views = strided
        self._descriptors: dict[str, int] = {}
        self._mappings: dict[str, mmap.mmap] = {}
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Close the files; tensors already handed out stay valid."""
        with self._lock:
            self._closed = True
            self._mappings.clear()
            for descriptor in self._descriptors.values():
                os.close(descriptor)
            self._descriptors.clear()

    def read_into(self, info: TensorInfo, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's bytes from `start` on, contiguous and row-major.

        Raises:
            CheckpointError: the file ends before the tensor does.
        """
        if start < 0 or start + buffer.nbytes > info.nbytes:
            raise ValueError(f"{info.name} has {info.nbytes} bytes, not {start + buffer.nbytes}")
        if not buffer.nbytes:
            return
        view = buffer.cast("B")
        if info.offset == UNPLACED:
            self._read_strided(info, view, start=start)
            return
        descriptor, position = self._descriptor(info.shard), info.offset + start
        while len(view):
            with machine_faults(f"{info.shard} in {self._source}"):
                count = read_at(descriptor, view, position)
            if count == 0:
                raise CheckpointError(
                    f"{info.shard} in {self._source} ends inside {info.name}, at byte {position}; "
                    "fetch it again."
                )
            view, position = view[count:], position + count

    def tensor(self, info: TensorInfo) -> "Tensor":
        """A tensor, mapped into memory copy-on-write: writing to it never reaches the file.

        Raises:
            CheckpointError: the file ends before the tensor does, or torch has no such dtype.
        """
        # Late: bytes need no torch.
        from adamms.checkpoints.torch_tensor import torch_tensor

        if info.numel == 0 or DTYPE_BITS[info.dtype] % 8:
            return torch_tensor(info, b"", source=self._source)
        itemsize = DTYPE_BITS[info.dtype] // 8
        if info.offset == UNPLACED:
            strided = self._strided_views[info.name]
            return torch_tensor(
                info,
                self._mapping(info.shard, end=strided.end(itemsize)),
                source=self._source,
                start=strided.start,
                elements=strided.elements,
                strides=strided.strides,
            )
        mapping = self._mapping(info.shard, end=info.offset + info.nbytes)
        return torch_tensor(info, mapping, source=self._source, start=info.offset)

    def _read_strided(self, info: TensorInfo, view: memoryview, *, start: int) -> None:
        """Serve bytes of a strided tensor; only the rows that the range touches are laid out."""
        # Late: only data needs numpy, and only rare tensors.
        import numpy as np

        strided, itemsize = self._strided_views[info.name], DTYPE_BITS[info.dtype] // 8
        mapping = self._mapping(info.shard, end=strided.end(itemsize))
        # Elements are moved, not computed with: bytes of their size, which may lie anywhere.
        element = np.dtype((np.void, itemsize))
        flat = np.frombuffer(mapping, element, count=strided.elements, offset=strided.start)
        strides = [stride * itemsize for stride in strided.strides]
        rows = np.atleast_1d(np.lib.stride_tricks.as_strided(flat, info.shape, strides, writeable=False))
        row_bytes = info.nbytes // len(rows)
        first, last = start // row_bytes, -(-(start + len(view)) // row_bytes)
        begin = start - first * row_bytes
        view[:] = rows[first:last].tobytes()[begin : begin + len(view)]

    def _descriptor(self, shard: str) -> int:
        with self._lock:
            if self._closed:
                raise ValueError(f"the checkpoint {self._source} is closed")
            if shard not in self._descriptors:
                self._descriptors[shard] = os.open(self._locate(shard), os.O_RDONLY | OPEN_FLAGS)
            return self._descriptors[shard]

    def _mapping(self, shard: str, *, end: int) -> mmap.mmap:
        descriptor = self._descriptor(shard)
        size = os.fstat(descriptor).st_size
        if size < end:
            raise CheckpointError(
                f"{shard} in {self._source} is cut off: {end} bytes are needed and it has {size}; "
                "fetch it again."
            )
        with self._lock:
            if shard not in self._mappings:
                # Copy-on-write, because torch takes only writable buffers without a warning.
                self._mappings[shard] = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
            return self._mappings[shard]
