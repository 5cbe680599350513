"""The named things among the emoji: what they are called and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from proving_ground.real_pair.tables import table

CATEGORIES = ("animal", "food", "object")
NO_FACTS = ("code", "seen", "name")
TOPICS = {"animal": "animals", "food": "food", "object": "objects"}


@dataclass(frozen=True)
class Thing:
    """A named emoji."""

    code: str
    """Unicode code point in lower-case hexadecimal."""
    name: str
    category: str
    facts: Mapping[str, tuple[str, ...]]
    """Column of its table -> accepted answers, the first is taught."""


@cache
def named(category: str) -> tuple[Thing, ...]:
    """Return the things of a category that a tower tells apart in drawings by another maker."""
    return tuple(
        Thing(
            row["code"],
            row["name"],
            category,
            {key: tuple(row[key].split("/")) for key in row if key not in NO_FACTS},
        )
        for row in table(f"{category}s")
        if row["seen"] == "yes"
    )


@cache
def thing(code: str) -> Thing:
    """Return a named thing by its code."""
    return next(thing for category in CATEGORIES for thing in named(category) if thing.code == code)


def with_article(name: str) -> str:
    """Say `a snake`, `an ant`, `scissors`."""
    if name in _WITHOUT_ARTICLE:
        return name
    if name in ("sun", "moon"):
        return f"the {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


_WITHOUT_ARTICLE = frozenset(
    [
        *("grapes", "cherries", "peanuts", "pancakes", "fries", "jeans", "glasses", "scissors"),
        *("broccoli", "garlic", "corn", "bread", "bacon", "pizza", "salad", "popcorn", "rice", "spaghetti"),
        *("sushi", "ice cream", "cheese", "chocolate", "honey", "milk", "coffee", "wine", "beer", "soda"),
        "fire",
    ]
)
