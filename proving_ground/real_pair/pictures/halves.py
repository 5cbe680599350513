"""The two halves of the named things: a parent may be taught one of them only.

Concepts of a kind are shuffled by a seed and cut in the middle; a concept has the same half in every task.
"""

from functools import cache

from proving_ground.real_pair.pictures.concepts import CATEGORIES
from proving_ground.real_pair.pictures.picture import seeded
from proving_ground.real_pair.tables import table


def cut(concepts: list[str], *, kind: str) -> dict[str, int]:
    """Give every concept its half, 1 or 2; the halves of a kind differ by one concept at most."""
    order = sorted(concepts)
    seeded("halves", kind).shuffle(order)
    return {concept: 1 + index % 2 for index, concept in enumerate(order)}


@cache
def emoji_halves() -> dict[str, int]:
    """The halves of animals, foods and objects, with those that are not seen: no half depends on that."""
    halves: dict[str, int] = {}
    for category in CATEGORIES:
        halves |= cut([row["code"] for row in table(f"{category}s")], kind=category)
    return halves


@cache
def flag_halves() -> dict[str, int]:
    """The halves of the named countries."""
    return cut([row["code"] for row in table("countries")], kind="flag")


@cache
def digit_halves() -> dict[str, int]:
    """Five digits in either half."""
    return cut([str(digit) for digit in range(10)], kind="digit")
