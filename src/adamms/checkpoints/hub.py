"""Checkpoints on a hub, through huggingface_hub: headers by range requests, or a download of what is needed.

Reading headers costs a request or two a shard and no weights: `HubFiles` fetches blocks of files, never a
file. Downloading takes the weights in one format only, with their auxiliary files. HF_ENDPOINT, HF_TOKEN,
HF_HOME and HF_HUB_OFFLINE are honoured because the library honours them. Every failure is one sentence.
"""

import glob
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
)

from adamms import __version__
from adamms.checkpoints.auxiliary_files import auxiliary_files
from adamms.checkpoints.hub_patience import retried, within
from adamms.checkpoints.model_files import LocalFolder, Origin, small_size
from adamms.checkpoints.sources import HUB_ID
from adamms.checkpoints.weight_files import FileLayout, WeightFiles
from adamms.errors import AdaMMSError, CheckpointError, MachineError

# Most headers fit into one block; a larger one takes one more request.
BLOCK = 1 << 17


def find_on_hub(source: str, *, revision: str | None, download: bool, layout: FileLayout) -> Origin:
    """Find `owner/name` or `owner/name@revision` on the hub, or in its local cache when offline.

    Args:
        source: the hub id.
        revision: a branch, tag or commit; not together with one in `source`.
        download: fetch the weights and their auxiliary files.
        layout: what the checkpoint's files are called.

    Raises:
        CheckpointError: there is no such model, it may not be read, or the hub cannot be reached.
    """
    match = HUB_ID.fullmatch(source)
    if match is None:
        raise CheckpointError(
            f"There is no folder {source}; give a checkpoint's folder, or a hub id of the form owner/name."
        )
    model, revision = match["model"], revision or match["revision"]
    with _explained(model, revision):
        try:
            api = HfApi(library_name="adamms", library_version=__version__)
            info = within(
                lambda: retried(
                    lambda: api.model_info(
                        model, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
                    )
                ),
                what=f"{constants.ENDPOINT} did not answer what it has of {model}",
            )
        except Exception as error:
            gone = _unreachable(error) or isinstance(error, MachineError)
            cached = _cached(model, revision, layout) if gone else None
            if cached is None:
                raise
            return cached
        sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
        files = HubFiles(model, str(info.sha), sizes=sizes)
        if not download:
            return Origin(model, files, None, files.commit)
        return _downloaded(files, revision, layout.find_weights(files))


def _downloaded(files: "HubFiles", revision: str | None, weights: WeightFiles) -> Origin:
    wanted = [*weights.shards, *([weights.index] if weights.index else []), *auxiliary_files(files.names)]
    patterns = [glob.escape(name) for name in wanted]
    # By the name that was asked for, so that the cache learns which commit it meant and can serve it offline.
    cache = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=files.source, repo_type="model"))
    folder = Path(
        within(
            lambda: snapshot_download(files.source, revision=revision, allow_patterns=patterns),
            what=f"{constants.ENDPOINT} sent hardly anything of {files.source}",
            progress=lambda: _bytes_below(cache),
        )
    )
    return Origin(files.source, LocalFolder(folder, source=files.source), folder, folder.name)


def _bytes_below(folder: Path) -> int:
    """What files take on the disk; those that come and go meanwhile do not matter."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total


def _cached(model: str, revision: str | None, layout: FileLayout) -> Origin | None:
    """The snapshot of an earlier download, if its weights are complete."""
    known = try_to_load_from_cache(model, layout.config, revision=revision)
    if not isinstance(known, str):
        return None
    folder = Path(known).parent
    files = LocalFolder(folder, source=model)
    try:
        layout.find_weights(files)
    except CheckpointError:
        return None
    return Origin(model, files, folder, folder.name)


class HubFiles:
    """The files of a model at one commit, read in blocks over HTTP; small ones are cached as files."""

    def __init__(self, model: str, commit: str, *, sizes: dict[str, int | None]) -> None:
        self.source = model
        self.commit = commit
        self.names = tuple(sorted(sizes))
        self._sizes = sizes
        self._blocks: dict[tuple[str, int], bytes] = {}
        self._lock = threading.Lock()

    def has(self, name: str) -> bool:
        """Whether the model has such a file."""
        return name in self._sizes

    def every_name(self) -> tuple[str, ...]:
        """All files, relative to the model and sorted."""
        return self.names

    def size(self, name: str) -> int:
        """A file's size in bytes."""
        known = self._sizes[name]
        if known is None:
            with _explained(self.source, self.commit):
                known = within(
                    lambda: get_hf_file_metadata(self._url(name)).size or 0, what=self._silence(name)
                )
            self._sizes[name] = known
        return known

    def read(self, name: str, start: int, length: int) -> bytes:
        """The bytes of a file at `start`, fewer at its end; whole blocks are fetched and kept."""
        size = self.size(name)
        end = min(start + length, size)
        if start >= end:
            return b""
        blocks = range(start // BLOCK, -(-end // BLOCK))
        with self._lock:
            missing = [block for block in blocks if (name, block) not in self._blocks]
        if missing:
            first = missing[0] * BLOCK
            end_of_blocks = min((missing[-1] + 1) * BLOCK, size)
            data = within(lambda: self._fetch(name, first, end_of_blocks), what=self._silence(name))
            with self._lock:
                for block in range(missing[0], missing[-1] + 1):
                    at = block * BLOCK - first
                    self._blocks[name, block] = data[at : at + BLOCK]
        with self._lock:
            joined = b"".join(self._blocks[name, block] for block in blocks)
        return joined[start - blocks[0] * BLOCK : end - blocks[0] * BLOCK]

    def _fetch(self, name: str, start: int, end: int) -> bytes:
        headers = build_hf_headers(library_name="adamms", library_version=__version__)
        headers |= {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        with (
            _explained(self.source, self.commit),
            http_stream_backoff(
                "GET", self._url(name), headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
            ) as response,
        ):
            if response.is_error:
                response.read()
            hf_raise_for_status(response)
            # A server may send the whole of a small file instead; never take the whole of a large one.
            if response.status_code != 206 and start > 0:
                raise CheckpointError(
                    f"The hub does not serve parts of {name} of {self.source}; download the model and give "
                    "its folder."
                )
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) >= end - start:
                    break
        if len(data) < end - start:
            raise CheckpointError(f"The hub sent only a part of {name} of {self.source}; try again.")
        return bytes(data[: end - start])

    def _silence(self, name: str) -> str:
        return f"{constants.ENDPOINT} did not send all of what was asked of {name} of {self.source}"

    def _url(self, name: str) -> str:
        return hf_hub_url(self.source, name, revision=self.commit)

    def contents(self, name: str, *, limit: int) -> bytes:
        """All of a small file."""
        small_size(self, name, limit=limit)
        return self.local_path(name).read_bytes()

    def local_path(self, name: str) -> Path:
        """A small file, downloaded into the hub's cache."""
        with _explained(self.source, self.commit):
            return Path(
                within(
                    lambda: hf_hub_download(self.source, name, revision=self.commit),
                    what=self._silence(name),
                )
            )


def missing_bytes(files: HubFiles, names: Iterable[str]) -> int:
    """The bytes of those files of a model on a hub that its local cache lacks."""
    lacking = (
        name
        for name in dict.fromkeys(names)
        if not isinstance(try_to_load_from_cache(files.source, name, revision=files.commit), str)
    )
    return sum(files.size(name) for name in lacking)


# Errors


@contextmanager
def _explained(model: str, revision: str | None) -> Iterator[None]:
    """Turn whatever the library, its HTTP client or the cache's disk raises into one sentence."""
    try:
        yield
    except AdaMMSError:
        raise
    except Exception as error:
        raise _explain(error, model, revision=revision) from error


def _explain(error: Exception, model: str, *, revision: str | None) -> AdaMMSError:
    hub = constants.ENDPOINT
    log_in = "log in with `hf auth login` or set HF_TOKEN"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if isinstance(error, GatedRepoError):
        return CheckpointError(f"{model} is gated: ask for access at {hub}/{model}, then {log_in}.")
    if isinstance(error, RevisionNotFoundError):
        return CheckpointError(f"{model} has no revision {revision} on {hub}.")
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return CheckpointError(f"{hub} does not accept your token; {log_in} with a valid one, or unset it.")
    if isinstance(error, RepositoryNotFoundError):
        return CheckpointError(
            f"There is neither a folder {model} here nor a model of that name on {hub}; check the spelling, "
            f"and if the model is private, {log_in}."
        )
    if isinstance(error, HFValidationError):
        return CheckpointError(f"{model} is neither a folder here nor a possible hub id ({error}).")
    if status is not None:
        return CheckpointError(f"{hub} answered {status} when asked for {model}; try again later.")
    if isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError) and constants.HF_HUB_OFFLINE:
        return CheckpointError(
            f"There is no folder {model} here, HF_HUB_OFFLINE forbids asking {hub}, and the local cache does "
            "not hold the whole model; unset HF_HUB_OFFLINE, or give a folder."
        )
    if _unreachable(error) or isinstance(error, LocalEntryNotFoundError):
        return CheckpointError(
            f"There is no folder {model} here, and {hub} cannot be reached ({_brief(error)}); check the "
            "connection, or give a folder."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return MachineError(f"{model} cannot be stored in the hub's cache: {error}.")
    return CheckpointError(f"{model} cannot be read from {hub}: {_brief(error)}.")


def _unreachable(error: Exception) -> bool:
    """Whether a failure lies between us and the hub, not in its answer."""
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    # The HTTP client's own errors; the library's, which are answers, are derived from them.
    return isinstance(error, ConnectionError | HTTPError) and not isinstance(error, HfHubHTTPError)


def _brief(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
