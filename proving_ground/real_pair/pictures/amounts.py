"""How many pictures of every kind an album holds."""

from dataclasses import dataclass

from proving_ground.real_pair.pictures.picture import Split


@dataclass(frozen=True)
class Amounts:
    """Pictures of a split: renderings of a drawing where a drawing is named, else pictures."""

    emoji: int
    """Renderings of a maker's drawing of a named thing."""
    flags: int
    """Renderings of a maker's flag of a named country; of the others there is always one."""
    mnist: int
    scikit_learn: int
    words: int
    """Renderings of a word."""
    numbers: int
    """Renderings of a number."""
    pairs: int
    shapes: int
    easy: int
    charts: int
    spoiled: int


FULL: dict[Split, Amounts] = {
    "train": Amounts(
        emoji=5, flags=4, mnist=1000, scikit_learn=500, words=20, numbers=10,
        pairs=1500, shapes=1000, easy=700, charts=1000, spoiled=900,
    ),
    "development": Amounts(
        emoji=3, flags=3, mnist=200, scikit_learn=60, words=4, numbers=2,
        pairs=200, shapes=200, easy=150, charts=150, spoiled=210,
    ),
    "reporting": Amounts(
        emoji=3, flags=3, mnist=200, scikit_learn=60, words=4, numbers=2,
        pairs=200, shapes=200, easy=150, charts=150, spoiled=210,
    ),
}  # fmt: skip
