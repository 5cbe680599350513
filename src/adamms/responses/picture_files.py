"""Pictures from files: only the formats that are meant, only from regular files.

Pillow knows some forty formats and guesses among them by content; some of their readers start other programs
(EPS starts Ghostscript) or have hardly been looked at. Whatever opens a picture by its path opens it here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints.local_files import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
"""As Pillow calls them; MPO is what phones write under the name of JPEG."""
IN_WORDS = "PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, AVIF"


@contextmanager
def opened_picture(path: str | Path | BytesIO) -> "Iterator[Image]":
    """A picture from a file, or from a file's contents; its header read, and its file closed behind it.

    Raises:
        OSError: there is no such file, it is no regular file, or no picture of these formats.
        Exception: what Pillow's readers raise of damaged files is nearly anything.
    """
    from PIL import Image

    # All readers are made known, of which those that were built into this Pillow are asked.
    Image.init()
    with path if isinstance(path, BytesIO) else open_regular(path) as file:
        yield Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
