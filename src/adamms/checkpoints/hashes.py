"""SHA-256 of files, several at a time: Python lets go of its lock while it hashes."""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HASHERS = min(os.cpu_count() or 1, 8)
"""Files hashed at the same time; one takes a core."""


def sha256_of(path: Path) -> str:
    """A file's SHA-256, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes_of(paths: Mapping[str, Path]) -> dict[str, str]:
    """The SHA-256 of files, by their names."""
    with ThreadPoolExecutor(HASHERS, "adamms-hash") as pool:
        return dict(zip(paths, pool.map(sha256_of, paths.values()), strict=True))
