"""Whether the splits' pictures are apart: no picture of one split has the very pixels of one of another."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from proving_ground.real_pair.pictures.picture import Picture, Split


def shared_pixels(pictures: Sequence[Picture], folder: Path) -> list[tuple[str, str]]:
    """Return pairs of names of different splits whose files decode to the same pixels."""
    first_with: dict[str, dict[Split, str]] = {}
    for picture in pictures:
        with Image.open(folder / picture.name) as image:
            digest = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
        first_with.setdefault(digest, {}).setdefault(picture.split, picture.name)
    return [
        (names[0], name)
        for by_split in first_with.values()
        for names in [list(by_split.values())]
        for name in names[1:]
    ]
