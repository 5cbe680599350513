"""A checkpoint on disk or on a hub: names, shapes and dtypes from headers only, tensors when asked for.

`Checkpoint` is a resource: it keeps its files open until it is closed. It knows where every tensor's bytes
lie and reads them, and it knows nothing of what a tensor means: that is the mapping's business. torch is
imported only when a tensor is asked for as a tensor.
"""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from adamms.checkpoints.limits import CONFIG, HEADERS, MB, TENSORS
from adamms.checkpoints.model_files import LocalFolder, Origin
from adamms.checkpoints.safetensors_header import SafetensorsHeader, read_header
from adamms.checkpoints.sources import expanded, is_text, pinned
from adamms.checkpoints.tensor_data import TensorData
from adamms.checkpoints.tensor_info import DTYPE_BITS, UNPLACED, TensorInfo
from adamms.checkpoints.vocabulary import read_vocabulary
from adamms.checkpoints.weight_files import (
    ADAPTER_CONFIG,
    BIN_SUFFIX,
    MODEL,
    SAFETENSORS,
    FileLayout,
    WeightFiles,
    parse_json_object,
)
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.torch_file import StridedView, TorchHeader
    from adamms.checkpoints.torch_tensor import Tensor

# Blocks that a fingerprint samples from each shard: enough to tell two fine-tunes of one model apart.
SAMPLES, SAMPLE_BYTES = 64, 4096


class Checkpoint:
    """An opened checkpoint.

    Attributes:
        source: the folder's absolute path, or the hub id `owner/name`.
        revision: the hub commit that was read; None for a folder.
        folder: the local folder; None while only the headers of a hub model were read.
        files: the checkpoint's files.
        config: the contents of `config.json`, empty if there is none.
        format: `safetensors` or `bin`.
        tensors: every tensor by name, in the order of the shards and of each file.
        shards: the weight files, in order.
        indexed: whether an index file names the shards.
        computed: none: every value is that of the files in `folder`.
    """

    computed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, origin: Origin, *, layout: FileLayout = MODEL) -> None:
        self.source = origin.source
        self.revision = origin.revision
        self.folder = origin.folder
        self.files = origin.files
        self.config = self._read_config(layout.config)
        weights = layout.find_weights(origin.files)
        self.format = weights.format
        self.shards = weights.shards
        self.index = weights.index
        self.indexed = weights.index is not None
        self._refuse_other_weights()
        self._header_bytes = self._header_tensors = 0
        self._headers = self._read_headers()
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(self._collect(weights))
        self._data = TensorData(self.source, locate=self._weight_path, strided=self._strided())

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        download: bool = False,
        layout: FileLayout = MODEL,
    ) -> "Checkpoint":
        """Open a checkpoint by reading its headers.

        Args:
            source: a folder, or a hub id `owner/name` or `owner/name@revision`.
            revision: a hub branch, tag or commit.
            download: fetch a hub model's weights as well, so that tensors can be read; otherwise only its
                headers and small files are fetched.
            layout: what its files are called.

        Raises:
            CheckpointError: there is no such checkpoint, or it is malformed; one sentence says how.
        """
        return cls(_locate(source, revision=revision, download=download, layout=layout), layout=layout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the weight files; tensors already handed out stay valid."""
        self._data.close()

    # Headers

    def _read_config(self, name: str) -> dict[str, Any]:
        if not self.files.has(name):
            return {}
        return parse_json_object(self.files.contents(name, limit=CONFIG), what=f"{name} in {self.source}")

    def _read_headers(self) -> "dict[str, SafetensorsHeader | TorchHeader]":
        # Of a hub every header is a request or two, so several are under way at once.
        with ThreadPoolExecutor(1 if self.folder else 8, "adamms-headers") as pool:
            try:
                return dict(zip(self.shards, pool.map(self._read_header, self.shards), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _read_header(self, shard: str) -> "SafetensorsHeader | TorchHeader":
        header = self._parsed_header(shard)
        self._header_bytes += len(header.raw)
        self._header_tensors += len(header.tensors)
        if self._header_bytes > HEADERS or self._header_tensors > TENSORS:
            raise CheckpointError(
                f"The weight files of {self.source} list {self._header_tensors:,} tensors and more, in "
                f"headers of {self._header_bytes // MB} MB; no model has more than {TENSORS:,}, or "
                f"{HEADERS // MB} MB, so export it again."
            )
        return header

    def _parsed_header(self, shard: str) -> "SafetensorsHeader | TorchHeader":
        def read(start: int, length: int) -> bytes:
            return self.files.read(shard, start, length)

        size = self.files.size(shard)
        try:
            # An adapter may have files of both kinds.
            if self.format == SAFETENSORS and not shard.endswith(BIN_SUFFIX):
                return read_header(read, shard=shard, size=size)
            # Late: few models are stored so.
            from adamms.checkpoints.torch_file import read_torch_header

            return read_torch_header(read, shard=shard, size=size, place=self.folder is not None)
        except CheckpointError as error:
            raise CheckpointError(f"In {self.source}: {error}") from None

    def _collect(self, weights: WeightFiles) -> dict[str, TensorInfo]:
        tensors: dict[str, TensorInfo] = {}
        for header in self._headers.values():
            for info in header.tensors:
                if info.name in tensors:
                    raise CheckpointError(
                        f"{info.name} is in both {tensors[info.name].shard} and {info.shard} of "
                        f"{self.source}; remove the file that does not belong to this model."
                    )
                tensors[info.name] = info
        for name, shard in (weights.placed or {}).items():
            if name not in tensors or tensors[name].shard != shard:
                raise CheckpointError(
                    f"{weights.index} in {self.source} places {name} in {shard}, but that file does not hold "
                    "it; fetch or export the checkpoint again."
                )
        if not tensors:
            raise CheckpointError(f"The weight files of {self.source} hold no tensors.")
        return tensors

    def _strided(self) -> "dict[str, StridedView]":
        strided: dict[str, StridedView] = {}
        for header in self._headers.values():
            # Only `.bin` files hold such tensors.
            strided |= getattr(header, "strided", {})
        return strided

    # Data

    def _refuse_other_weights(self) -> None:
        """Refuse a config that makes transformers load another file than the one that is read here."""
        named = self.config.get("transformers_weights")
        if named is not None and named not in (*self.shards, self.index):
            raise CheckpointError(
                f"The config.json of {self.source} makes transformers load {named!r} (transformers_weights), "
                f"but its weights lie in {self.index or self.shards[0]}, too, so what answers would not be "
                "what is merged; keep what is meant, under its usual name, and remove the key."
            )

    def require_data(self) -> None:
        """Make sure that every shard is as long as its header says, before any long work.

        Raises:
            CheckpointError: a shard's data is missing or cut off, or only headers were fetched.
        """
        for shard, header in self._headers.items():
            actual = self._weight_path(shard).stat().st_size
            if actual < header.file_size:
                raise CheckpointError(
                    f"{shard} in {self.source} is cut off: its header asks for {header.file_size} bytes and "
                    f"the file has {actual}; fetch it again."
                )

    def _weight_path(self, shard: str) -> Path:
        if self.folder is None:
            raise CheckpointError(
                f"Only the headers of {self.source} were fetched from the hub; open it with download=True."
            )
        return self.files.local_path(shard)

    def read_into(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's bytes from `start` on. Safe to call from several threads.

        The bytes are contiguous and row-major, whatever the file's layout; nothing is mapped into memory
        except for a tensor that a `.bin` file stores strided.

        Raises:
            CheckpointError: the file ends before the tensor does.
        """
        self._data.read_into(self.tensors[name], buffer, start=start)

    def read_bytes(self, name: str, start: int, length: int) -> bytes:
        """A few bytes of a tensor; of a hub model whose headers alone were fetched, by a range request.

        Raises:
            CheckpointError: the file ends before the tensor does, or it is a `.bin` file on a hub.
        """
        if self.folder is None:
            info = self.tensors[name]
            if info.offset == UNPLACED:
                raise CheckpointError(
                    f"No part of {info.shard} of {self.source} can be read on the hub; download the model "
                    "and give its folder."
                )
            return self.files.read(info.shard, info.offset + start, length)
        data = bytearray(length)
        self.read_into(name, memoryview(data), start=start)
        return bytes(data)

    def tensor(self, name: str) -> "Tensor":
        """A tensor, mapped into memory: its pages are read when they are touched.

        Treat it as read-only: what is written to it stays in memory and never reaches the file.

        Raises:
            CheckpointError: the file ends before the tensor does, or torch has no such dtype.
        """
        return self._data.tensor(self.tensors[name])

    def exact_dtype(self, name: str) -> str:
        """The tensor's own dtype: what the file holds is exact."""
        return self.tensors[name].dtype

    def read_exact(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with a tensor's values as they are stored, from element `start` on."""
        self.read_into(name, buffer, start=start * DTYPE_BITS[self.tensors[name].dtype] // 8)

    @property
    def random_access(self) -> bool:
        """Whether a few bytes of a tensor can be read: not of `.bin` files on a hub."""
        return self.folder is not None or self.format == SAFETENSORS

    # What belongs to the model besides its weights

    def vocabulary(self) -> dict[str, int] | None:
        """The tokenizer's tokens and the rows they stand for, added tokens included; None without one.

        Raises:
            CheckpointError: a tokenizer file is malformed.
        """
        return read_vocabulary(self.files)

    def auxiliary_files(self) -> tuple[str, ...]:
        """Every file that travels with the model: config, tokenizer, processor, remote code, licence ...

        Not the weights in any format, their indices, the model card, or what training left behind.
        """
        # Late: for a look at the headers, what else there is does not matter.
        from adamms.checkpoints.auxiliary_files import auxiliary_files

        return auxiliary_files(self.files.every_name())

    @property
    def pinned(self) -> str:
        """The name that opens the very same again: a hub id with the commit that was read."""
        return pinned(self.source, self.revision)

    def identity(self) -> dict[str, Any]:
        """What a merge records of a parent: `source`, `revision`, `fingerprint`."""
        return {"source": self.source, "revision": self.revision, "fingerprint": self.fingerprint()}

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """The weight files, their sizes and when they were changed (in nanoseconds)."""
        states = []
        for shard in self.shards:
            try:
                about = ((self.folder or Path()) / shard).stat()
            except OSError as error:
                raise CheckpointError(
                    f"{self.source}/{shard} can no longer be read ({error.strerror}); fetch it again."
                ) from None
            states.append((f"{self.source}/{shard}", about.st_size, about.st_mtime_ns))
        return tuple(states)

    def versions(self) -> dict[str, Any]:
        """What its answers depend on: the hub commit, or every file with its size and time of change."""
        if self.revision:
            return {self.source: self.revision}
        # What lies in folders of a model's is mostly something else, such as its evaluations.
        names = [*self.shards, *(name for name in self.auxiliary_files() if "/" not in name)]
        # No file of a model's, so none that is carried over; of an adapter it holds the settings.
        names += [ADAPTER_CONFIG] if self.files.has(ADAPTER_CONFIG) else []
        paths = [self.files.local_path(name) for name in names]
        return {
            str(path.resolve()): [about.st_size, about.st_mtime_ns]
            for path, about in ((path, path.stat()) for path in paths)
        }

    def fingerprint(self) -> str:
        """A cheap identity: the hub commit, or a hash of headers, sizes and sampled blocks of data."""
        return f"commit:{self.revision}" if self.revision else f"sha256:{self._digest}"

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        for shard, header in self._headers.items():
            size = self.files.size(shard)
            digest.update(f"{shard} {size} ".encode())
            digest.update(header.raw)
            first = max(header.file_size - sum(info.nbytes for info in header.tensors), 0)
            step = max((size - first) // SAMPLES, SAMPLE_BYTES)
            for position in range(first, size, step):
                digest.update(self.files.read(shard, position, SAMPLE_BYTES))
        return digest.hexdigest()


def _locate(source: str | Path, *, revision: str | None, download: bool, layout: FileLayout) -> Origin:
    """Find a checkpoint's files.

    Args:
        source: a folder, or a hub id `owner/name` or `owner/name@revision`.
        revision: a hub branch, tag or commit.
        download: fetch a hub model's weights as well.
        layout: what its files are called.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
    """
    if not str(source).strip():
        raise CheckpointError("No model is named; give a folder or a hub id.")
    if not is_text(source) or "\0" in str(source):
        raise CheckpointError(
            f"The name {str(source)!a} is no name of a file that can be recorded (UTF-8); rename the folder."
        )
    # Links stay as they are: a hub cache is known by its path.
    folder = Path(os.path.abspath(expanded(source)))  # noqa: PTH100
    try:
        if folder.is_dir():
            return Origin(str(folder), LocalFolder(folder, source=str(folder)), folder)
        if folder.exists():
            raise CheckpointError(f"{source} is a file; name the folder that holds the checkpoint.")
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read: {error.strerror}.") from None
    # Late: the hub's client costs a third of a second to import.
    from adamms.checkpoints.hub import find_on_hub

    return find_on_hub(str(source), revision=revision, download=download, layout=layout)
