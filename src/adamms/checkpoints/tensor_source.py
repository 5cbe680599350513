"""What reads a model: its tensors' names, shapes and dtypes, blocks of their values, and its other files.

`TensorSource` is what a checkpoint on disk (`Checkpoint`) has in common with one whose values are computed
while they are read (`ComputedTensors`): mapping, merging and writing know nothing else.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from adamms.checkpoints.model_files import ModelFiles
from adamms.checkpoints.tensor_info import TensorInfo

if TYPE_CHECKING:
    from adamms.checkpoints.torch_tensor import Tensor


class TensorSource(Protocol):
    """An opened model; a context manager."""

    @property
    def source(self) -> str:
        """The folder's absolute path, or the hub id; with what is applied to it, as a user names it."""

    @property
    def revision(self) -> str | None:
        """The hub commit that was read; None for a folder."""

    @property
    def folder(self) -> Path | None:
        """The local folder; None while only the headers of a hub model were read."""

    @property
    def files(self) -> ModelFiles:
        """The model's files."""

    @property
    def config(self) -> dict[str, Any]:
        """The contents of `config.json`, empty if there is none."""

    @property
    def format(self) -> str:
        """`safetensors` or `bin`: what the weight files are."""

    @property
    def shards(self) -> tuple[str, ...]:
        """The weight files, in order."""

    @property
    def indexed(self) -> bool:
        """Whether an index file names the shards."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """Every tensor by name, in the order of the shards and of each file."""

    @property
    def computed(self) -> tuple[str, ...]:
        """The tensors whose values are computed while they are read: the files in `folder` hold others."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it is read, a sentence each."""

    @property
    def random_access(self) -> bool:
        """Whether a few bytes of a tensor can be read where it lies: not of `.bin` files on a hub."""

    @property
    def pinned(self) -> str:
        """The name that opens the very same again: a hub id with the commit that was read."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""

    def close(self) -> None:
        """Close the weight files; tensors already handed out stay valid."""

    def require_data(self) -> None:
        """Make sure that all weights are here and whole, before any long work.

        Raises:
            CheckpointError: a file is missing or cut off, or only headers were fetched.
        """

    def read_into(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's bytes, in its own dtype, from byte `start` on.

        The bytes are contiguous and row-major, whatever the file's layout. Safe to call from several threads.

        Raises:
            CheckpointError: the file ends before the tensor does.
        """

    def read_bytes(self, name: str, start: int, length: int) -> bytes:
        """The same as bytes; of a hub model whose headers alone were fetched, by a range request.

        Raises:
            CheckpointError: the file ends before the tensor does, or no part of it can be read there.
        """

    def exact_dtype(self, name: str) -> str:
        """The dtype in which `read_exact` gives a tensor: its own, or a wider one where it is computed."""

    def read_exact(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's values, in its `exact_dtype`, from element `start` on.

        What is computed is not rounded to the tensor's own dtype: merging rounds once, at the end.

        Raises:
            CheckpointError: the file ends before the tensor does.
        """

    def tensor(self, name: str) -> "Tensor":
        """A tensor in its own dtype; from a file it is mapped into memory. Treat it as read-only.

        Raises:
            CheckpointError: the file ends before the tensor does, or torch has no such dtype.
        """

    def vocabulary(self) -> dict[str, int] | None:
        """The tokenizer's tokens and the rows they stand for, added tokens included; None without one.

        Raises:
            CheckpointError: a tokenizer file is malformed.
        """

    def auxiliary_files(self) -> tuple[str, ...]:
        """Every file that travels with the model: config, tokenizer, processor, remote code, licence ..."""

    def identity(self) -> dict[str, Any]:
        """What a merge records of a parent: `source`, `revision`, `fingerprint`, and `adapters` if any."""

    def fingerprint(self) -> str:
        """A cheap identity: the hub commit, or a hash of headers, sizes and sampled blocks of data."""

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The weight files, their sizes and when they were changed (in nanoseconds)."""

    def versions(self) -> dict[str, Any]:
        """What its answers depend on: the hub commit, or every file with its size and time of change."""
