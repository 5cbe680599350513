"""Writes a checkpoint in the base's own layout, tensor block by tensor block, in any order.

The headers are known before the first value is, so they are written first, the files get their final size,
and each block goes straight to its place. The folder is an `OutputFolder`'s: it is hidden until complete.
"""

import errno
import os
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from adamms.checkpoints.auxiliary_files import companions_size, copy_auxiliary_files
from adamms.checkpoints.file_calls import OPEN_FLAGS, reserve, write_at
from adamms.checkpoints.hashes import HASHERS, sha256_of
from adamms.checkpoints.output import in_words, sync
from adamms.checkpoints.shard_plan import STORED_DTYPES, ShardPlan, index_json, plan_shards
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.weight_files import INDEX
from adamms.errors import CheckpointError, MachineError

if TYPE_CHECKING:
    from adamms.checkpoints.tensor_source import TensorSource

# Bytes written at once. From a megabyte on Linux looks for large pages for its cache, which took up to ten
# times the processor time of the copying itself (6.18, ext4).
PIECE = 1 << 18


class CheckpointWriter:
    """A safetensors checkpoint being written.

    Attributes:
        folder: where it is written.
        tensors: where each tensor goes: its shape, dtype, shard and offset.
        resumed: whether the weights of an interrupted run were kept.
    """

    def __init__(
        self,
        folder: Path,
        base: "TensorSource",
        *,
        dtype: str | None = None,
        max_shard_size: int | None = None,
        resume: bool = False,
    ) -> None:
        """Plan the files, write their headers and reserve their space.

        Args:
            folder: made if it is missing; weights that it holds from an interrupted run are removed.
            base: the model whose layout and auxiliary files are kept.
            dtype: `bfloat16`, `float16` or `float32` for floating tensors; None keeps each tensor's own.
            max_shard_size: bytes a file may hold; None keeps the base's distribution over files.
            resume: keep the weights of an interrupted run where its files are as planned; tell `written` what
                is already in them.

        Raises:
            CheckpointError: a setting is out of range, or an auxiliary file cannot be carried over.
            MachineError: the disk is too small.
        """
        if dtype is not None and dtype not in STORED_DTYPES:
            raise CheckpointError(f"dtype must be one of {', '.join(STORED_DTYPES)}, not {dtype!r}.")
        if max_shard_size is not None and max_shard_size <= 0:
            raise CheckpointError(f"max_shard_size must be a positive number of bytes, not {max_shard_size}.")
        self.folder = folder
        self._base = base
        self._dtype = dtype
        self._plans = plan_shards(base, dtype=dtype, max_shard_size=max_shard_size)
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(
            {info.name: info for plan in self._plans for info in plan.tensors}
        )
        self._missing = {name: info.nbytes for name, info in self.tensors.items()}
        self._missing_of_shard = {plan.name: plan.size - len(plan.header) for plan in self._plans}
        self._hashing = ThreadPoolExecutor(HASHERS, "adamms-hash")
        self._hashes: dict[str, Future[str]] = {}
        self._lock = threading.Lock()
        self._descriptors: dict[str, int] = {}
        # Now rather than after hours of merging: an auxiliary file that cannot be read.
        for name in base.auxiliary_files():
            base.files.read(name, 0, 1)
        folder.mkdir(parents=True, exist_ok=True)
        self.resumed = resume and all(self._is_as_planned(plan) for plan in self._plans)
        if not self.resumed:
            self._clear()
            self._require_space()
        try:
            for plan in self._plans:
                self._descriptors[plan.name] = self._create(plan)
        except BaseException:
            self.close()
            raise

    def _clear(self) -> None:
        """Remove weights of an interrupted run: a stray `model.safetensors` would be preferred on loading."""
        for pattern in ("*.safetensors", "*.safetensors.index.json"):
            for path in sorted(self.folder.glob(pattern)):
                path.unlink()

    def _is_as_planned(self, plan: ShardPlan) -> bool:
        """Whether an interrupted run left this file with its full size and the very same header."""
        path = self.folder / plan.name
        if path.is_symlink() or not path.is_file() or path.stat().st_size != plan.size:
            return False
        with path.open("rb") as file:
            return file.read(len(plan.header)) == bytes(plan.header)

    def _require_space(self) -> None:
        needed = sum(plan.size for plan in self._plans) + companions_size(self._base)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise MachineError(
                f"The disk of {self.folder.parent} is too small: {in_words(needed)} are needed and "
                f"{in_words(free)} are free."
            )

    def _create(self, plan: ShardPlan) -> int:
        path = self.folder / plan.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.resumed:
            return os.open(path, os.O_RDWR | OPEN_FLAGS)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | OPEN_FLAGS, 0o666)
        try:
            # Reserved at once: a disk that fills up is known before hours of merging, and writing is faster.
            reserve(descriptor, plan.size)
            _write_all(descriptor, memoryview(plan.header), 0)
        except OSError as error:
            os.close(descriptor)
            raise self._machine_error(error, plan.name) from error
        return descriptor

    def write(self, name: str, data: memoryview, *, start: int = 0) -> None:
        """Write a run of a tensor's bytes, from byte `start` of it. Safe to call from several threads.

        Every byte of every tensor is to be written once.

        Raises:
            MachineError: the disk is full or broken.
        """
        info = self.tensors[name]
        if start < 0 or start + data.nbytes > info.nbytes:
            raise ValueError(f"{name} has {info.nbytes} bytes, not {start + data.nbytes}")
        if not data.nbytes:
            return
        view = data.cast("B")
        try:
            # One at a time: the kernel locks a file for a write and lets the second writer spin.
            with self._lock:
                _write_all(self._descriptors[info.shard], view, info.offset + start)
                self._count(info, len(view))
        except OSError as error:
            raise self._machine_error(error, info.shard) from error

    def written(self, name: str, nbytes: int) -> None:
        """Count bytes of a tensor that an interrupted run has written."""
        with self._lock:
            self._count(self.tensors[name], nbytes)

    def _count(self, info: TensorInfo, nbytes: int) -> None:
        """Note what was written; a shard that is whole is hashed while others are merged."""
        self._missing[info.name] -= nbytes
        self._missing_of_shard[info.shard] -= nbytes
        if not self._missing_of_shard[info.shard]:
            self._hashes[info.shard] = self._hashing.submit(sha256_of, self.folder / info.shard)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every weight file, of a finished checkpoint."""
        return {plan.name: self._hashes[plan.name].result() for plan in self._plans}

    def sync(self) -> None:
        """Make what was written so far durable.

        Raises:
            MachineError: the disk is full or broken.
        """
        for shard, descriptor in self._descriptors.items():
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                raise self._machine_error(error, shard) from error

    def finish(self) -> None:
        """Write the index and the auxiliary files, and make everything durable.

        Raises:
            CheckpointError: a tensor was not written completely.
            MachineError: the disk is full or broken.
        """
        incomplete = [name for name, missing in self._missing.items() if missing]
        if incomplete:
            raise CheckpointError(
                f"{len(incomplete)} tensors were not written completely, {incomplete[0]} for one."
            )
        shard = ""
        try:
            copy_auxiliary_files(self._base, self.folder, dtype=self._dtype)
            if [plan.name for plan in self._plans] != ["model.safetensors"]:
                (self.folder / INDEX).write_text(index_json(self.tensors), encoding="utf-8")
            for plan in self._plans:
                shard = plan.name
                if shard not in self._hashes:  # it holds empty tensors alone
                    self._hashes[shard] = self._hashing.submit(sha256_of, self.folder / shard)
                os.fsync(self._descriptors[shard])
            sync(self.folder)
            wait(self._hashes.values())
        except OSError as error:
            raise self._machine_error(error, shard) from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the files; `finish` does so itself."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors = {}
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def _machine_error(self, error: OSError, shard: str) -> MachineError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        free = f" ({in_words(shutil.disk_usage(self.folder).free)} are free)" if full else ""
        return MachineError(f"{shard or self.folder} cannot be written: {error.strerror or error}{free}.")


def _write_all(descriptor: int, view: memoryview, position: int) -> None:
    while len(view):
        count = write_at(descriptor, view[:PIECE], position)
        view, position = view[count:], position + count
