"""What a picture is before and after it is drawn: its name, its split, who drew it and what it shows.

Everything that decides the pixels stands in `facts`, drawn by seeded chance when the album is planned; so a
picture can be drawn at any time, in any process, and comes out the same.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "development", "reporting"]
SPLITS: tuple[Split, ...] = ("train", "development", "reporting")

PIXELS = 112
"""Eight patches of DINOv2's fourteen pixels, both ways."""


@dataclass(frozen=True)
class Picture:
    """One picture of the album."""

    name: str
    """File name in `pictures/`."""
    kind: str
    """emoji, flag, digit, word, number, pair, shapes, easy, chart or spoiled."""
    split: Split
    maker: str
    concept: str
    """What is split into halves: an emoji's or flag's code, a word, a number, a digit."""
    half: int
    """1 or 2; 0 where the kind is not split."""
    facts: Mapping[str, Any] = field(default_factory=dict)


def seeded(*parts: object) -> random.Random:
    """Return a generator that depends on nothing but these words."""
    return random.Random("/".join(map(str, parts)))
