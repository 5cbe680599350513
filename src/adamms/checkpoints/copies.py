"""Whether two machines hold the same copy of a model: its revision, and of every file size and sampled bytes.

Cheap enough to be asked of every worker: of a large file some hundred kilobytes are read, its header among
them. A change elsewhere that keeps the size goes unseen.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adamms.checkpoints.tensor_source import TensorSource

WHOLE = 4 << 20
"""Bytes of a file up to which all of it is read."""
HEAD = 1 << 18
"""Bytes read at the beginning of a larger one, where headers are."""
SAMPLES, SAMPLE = 64, 4096
"""Blocks of it that are read, and their bytes."""
REVISION = "revision"


def copy_of(model: "TensorSource") -> dict[str, str]:
    """What a copy is known by: file name -> size and digest, and what it was fetched as.

    Raises:
        CheckpointError: a file cannot be read.
    """
    about = {REVISION: model.revision or "none"}
    if model.computed:
        about["what is computed of it"] = model.fingerprint()
    for name in dict.fromkeys([*model.shards, *model.auxiliary_files()]):
        size = model.files.size(name)
        digest = hashlib.sha256()
        if size <= WHOLE:
            digest.update(model.files.read(name, 0, size))
        else:
            digest.update(model.files.read(name, 0, HEAD))
            for block in range(SAMPLES):
                place = (size - SAMPLE) * block // (SAMPLES - 1)
                digest.update(model.files.read(name, place, SAMPLE))
        about[name] = f"{size} bytes, sha256 {digest.hexdigest()[:16]}"
    return about


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> str | None:
    """In what two copies differ, for a sentence; None where they do not."""
    for name in dict.fromkeys([*here, *there]):
        ours, theirs = here.get(name, "absent"), there.get(name, "absent")
        if ours != theirs:
            return f"{name} is {theirs} there and {ours} here"
    return None
