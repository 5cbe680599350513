"""How fast a disk takes what is written, in a moment; nothing stays there."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

WRITTEN = 16 << 20
"""Bytes that are written to see how fast a disk is."""


def write_speed(beside: Path) -> float | None:
    """Bytes a second that the disk of a folder takes; None where nothing can be written there."""
    place = Path(os.path.abspath(beside))  # noqa: PTH100 (what a link points to is not asked)
    while not place.is_dir() and place != place.parent:
        place = place.parent
    data = bytes(WRITTEN)
    with suppress(OSError), tempfile.TemporaryFile(dir=place) as file:
        began = time.perf_counter()
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return len(data) / (time.perf_counter() - began)
    return None
