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

from adamms.checkpoints.tensor_info import DTYPE_BITS, TORCH_NAMES, UNPLACED, TensorInfo
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from adamms.checkpoints.torch_file import StridedView


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
            count = os.preadv(descriptor, [view], position)
            if count == 0:
                raise CheckpointError(
                    f"{info.shard} in {self._source} ends inside {info.name}, at byte {position}; "
                    "fetch it again."
                )
            view, position = view[count:], position + count

    def tensor(self, info: TensorInfo) -> "torch.Tensor":
        """A tensor, mapped into memory copy-on-write: writing to it never reaches the file.

        Raises:
            CheckpointError: the file ends before the tensor does, or torch has no such dtype.
        """
        import torch

        dtype = getattr(torch, TORCH_NAMES.get(info.dtype, ""), None)
        if dtype is None:
            raise CheckpointError(
                f"{info.name} in {self._source} is stored as {info.dtype}, which this torch does not have."
            )
        if info.numel == 0:
            return torch.empty(info.shape, dtype=dtype)
        if info.offset == UNPLACED:
            view = self._strided_views[info.name]
            flat = self._mapped(info, dtype, start=view.start, count=view.elements)
            return flat.as_strided(info.shape, view.strides)
        return self._mapped(info, dtype, start=info.offset, count=info.numel).view(info.shape)

    def _mapped(self, info: TensorInfo, dtype: "torch.dtype", *, start: int, count: int) -> "torch.Tensor":
        import torch

        mapping = self._mapping(info.shard, end=start + count * dtype.itemsize)
        if start % dtype.itemsize == 0:
            return torch.frombuffer(mapping, dtype=dtype, count=count, offset=start)
        # A file that does not align its tensors: torch cannot look at such bytes in place.
        raw = torch.frombuffer(mapping, dtype=torch.uint8, count=count * dtype.itemsize, offset=start)
        return raw.clone().view(dtype)

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
                self._descriptors[shard] = os.open(self._locate(shard), os.O_RDONLY | os.O_CLOEXEC)
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
