"""Where a checkpoint lies: a folder of this machine, or a hub."""

import os
from pathlib import Path

from adamms.checkpoints.model_files import LocalFolder, Origin
from adamms.checkpoints.sources import expanded, is_text
from adamms.checkpoints.weight_files import MODEL, FileLayout
from adamms.errors import CheckpointError


def locate(
    source: str | Path, *, revision: str | None = None, download: bool = False, layout: FileLayout = MODEL
) -> Origin:
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
    if not is_text(source):
        raise CheckpointError(
            f"The name {str(source)!a} is not UTF-8, so it cannot be recorded; rename the folder."
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
