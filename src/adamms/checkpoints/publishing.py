"""A merged checkpoint put on a hub, through huggingface_hub: one commit, all files or none.

Only a folder that is complete, and that we wrote (its `adamms.json` tells what it is), is published: a hub is
no place to learn that a shard is missing. HF_ENDPOINT and HF_TOKEN are honoured because the library does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from adamms import __version__
from adamms.checkpoints import hub_patience
from adamms.checkpoints.auxiliary_files import ABOUT
from adamms.checkpoints.checkpoint import Checkpoint
from adamms.checkpoints.hub_patience import retried, within
from adamms.checkpoints.published_files import PublishedFiles, published_files
from adamms.checkpoints.sources import expanded
from adamms.errors import AdaMMSError, CheckpointError, MachineError, OutputError

# What a search's run directory calls the chosen candidate.
MERGED = "merged"


LEAST_RATE = 50_000
"""Bytes a second that an upload must reach over all, beside what any answer may take."""


@dataclass(frozen=True)
class Published:
    """A merged model on a hub."""

    commit: str
    """The commit's address."""
    files: PublishedFiles
    """What was published, and what of the folder was not."""


def publish(
    folder: str | Path,
    model: str,
    *,
    private: bool = False,
    revision: str | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> Published:
    """Upload a merged checkpoint in one commit.

    Args:
        folder: a merged checkpoint, or a search's run directory, whose `merged/` is taken.
        model: `owner/name` on the hub; created if there is none.
        private: a new repository is private; an existing one stays what it is.
        revision: the branch to commit to, which must exist; the main one when left out.
        contents: files that go otherwise than they lie there, by their names.

    Only what the merge wrote and carried over goes; links are never followed.

    Raises:
        CheckpointError: it is not a complete checkpoint of ours, or a part of it is a link.
        OutputError: the hub refuses: no token, no right to write there, not a possible name.
        MachineError: the hub cannot be reached, fails, or takes too long.
    """
    merged, files = to_publish(folder)
    size = sum((merged / name).stat().st_size for name in files.names)
    uploaded: dict[str, str | bytes] = {name: str(merged / name) for name in files.names}
    uploaded |= contents or {}
    api = HfApi(library_name="adamms", library_version=__version__)
    try:
        within(
            lambda: retried(lambda: api.create_repo(model, private=private or None, exist_ok=True)),
            what=f"{constants.ENDPOINT} did not make a place for {model}",
        )
        commit = within(
            lambda: retried(
                lambda: api.create_commit(
                    model,
                    [CommitOperationAdd(name, content) for name, content in sorted(uploaded.items())],
                    revision=revision,
                    commit_message=f"Merged with adamms {__version__}",
                )
            ),
            what=f"{constants.ENDPOINT} did not take {model}",
            seconds=hub_patience.ANSWER + size / LEAST_RATE,
        )
    except AdaMMSError:
        raise
    except Exception as error:
        raise _explained(error, model) from error
    return Published(str(commit.commit_url), files)


def to_publish(folder: str | Path) -> tuple[Path, PublishedFiles]:
    """The merged checkpoint that a folder is or holds, and the files of it that are published.

    Raises:
        CheckpointError: it is not a complete checkpoint of ours, or a part of it is a link.
    """
    merged = _merged(expanded(folder))
    with Checkpoint.open(merged) as checkpoint:
        checkpoint.require_data()
        weights = (*checkpoint.shards, *([checkpoint.index] if checkpoint.index else []))
    return merged, published_files(merged, weights=weights)


def _merged(folder: Path) -> Path:
    """The checkpoint's own folder."""
    merged = folder / MERGED if (folder / MERGED / ABOUT).exists() else folder
    if not (merged / ABOUT).exists():
        raise CheckpointError(
            f"{folder} holds no {ABOUT}, so it is not a merged checkpoint; give the folder that "
            "`adamms merge` wrote, or a search's run directory."
        )
    return merged


def _explained(error: Exception, model: str) -> AdaMMSError:
    hub = constants.ENDPOINT
    log_in = "log in with `hf auth login` or set HF_TOKEN to a token that may write"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if isinstance(error, LocalTokenNotFoundError) or status == 401:
        return OutputError(f"{hub} does not know who you are; {log_in}.")
    if status == 403:
        return OutputError(f"Your token may not write {model} on {hub}; {log_in}, or choose another name.")
    if status == 404:
        return OutputError(f"{hub} has no such place to write {model} to; check the name and the revision.")
    if isinstance(error, HFValidationError):
        return OutputError(f"{model} is not a possible name on a hub; give owner/name ({error}).")
    return MachineError(f"{model} could not be uploaded to {hub}: {str(error).splitlines()[0].rstrip('.')}.")
