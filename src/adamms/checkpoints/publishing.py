"""A merged checkpoint put on a hub, through huggingface_hub: one commit, all files or none.

Only a folder that is complete, and that we wrote (its `adamms.json` tells what it is), is published: a hub is
no place to learn that a shard is missing. HF_ENDPOINT and HF_TOKEN are honoured because the library does.
"""

from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from adamms import __version__
from adamms.checkpoints.checkpoint import Checkpoint
from adamms.checkpoints.sources import expanded
from adamms.errors import AdaMMSError, CheckpointError, MachineError, OutputError

ABOUT = "adamms.json"
# What a search's run directory calls the chosen candidate.
MERGED = "merged"


def publish(folder: str | Path, model: str, *, private: bool = False, revision: str | None = None) -> str:
    """Upload a merged checkpoint in one commit and return the commit's address.

    Args:
        folder: a merged checkpoint, or a search's run directory, whose `merged/` is taken.
        model: `owner/name` on the hub; created if there is none.
        private: a new repository is private; an existing one stays what it is.
        revision: the branch to commit to, which must exist; the main one when left out.

    Raises:
        CheckpointError: it is not a complete checkpoint of ours.
        OutputError: the hub refuses: no token, no right to write there, not a possible name.
        MachineError: the hub cannot be reached or fails.
    """
    merged = _merged(expanded(folder))
    api = HfApi(library_name="adamms", library_version=__version__)
    try:
        api.create_repo(model, private=private or None, exist_ok=True)
        commit = api.upload_folder(
            repo_id=model,
            folder_path=merged,
            revision=revision,
            commit_message=f"Merged with adamms {__version__}",
        )
    except Exception as error:
        raise _explained(error, model) from error
    return str(commit.commit_url)


def _merged(folder: Path) -> Path:
    """The checkpoint itself, checked: ours, its headers sound, no shard short."""
    merged = folder / MERGED if (folder / MERGED / ABOUT).exists() else folder
    if not (merged / ABOUT).exists():
        raise CheckpointError(
            f"{folder} holds no {ABOUT}, so it is not a merged checkpoint; give the folder that "
            "`adamms merge` wrote, or a search's run directory."
        )
    with Checkpoint.open(merged) as checkpoint:
        checkpoint.require_data()
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
