"""A question with its answer, and what all writers of questions know about the world."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from proving_ground.real_pair.pictures.concepts import CATEGORIES, named
from proving_ground.real_pair.pictures.countries import Country, countries
from proving_ground.real_pair.pictures.halves import emoji_halves, flag_halves
from proving_ground.real_pair.pictures.picture import Picture


@dataclass(frozen=True)
class Question:
    """One line of a set, before it has an id."""

    task: str
    topic: str
    half: int
    """1 or 2 where the question names or shows things of that half, 0 where nothing is split."""
    picture: Picture | None
    """None where the question is about no picture."""
    prompt: str
    answers: tuple[str, ...]
    """All are right; the first is taught."""
    choices: tuple[str, ...] = ()
    style: str = ""
    """`plain` or `wordy` where the answer is a description."""
    facts: tuple[tuple[str, ...], ...] = ()
    """What a description must name, each fact in its accepted spellings."""

    def to_line(self, id_: str) -> dict[str, Any]:
        """The question as it is written."""
        picture = self.picture
        line: dict[str, Any] = {
            "id": id_,
            "picture": picture.name if picture else None,
            "task": self.task,
            "topic": self.topic,
            "half": self.half,
            "maker": picture.maker if picture else "",
            "concept": picture.concept if picture else "",
            "prompt": self.prompt,
            "answer": self.answers[0],
            "answers": list(self.answers),
        }
        if self.choices:
            line["choices"] = list(self.choices)
        if self.style:
            line["style"] = self.style
            line["facts"] = [list(fact) for fact in self.facts]
        return line


@dataclass(frozen=True)
class World:
    """What is true of countries and named things, whatever a picture shows."""

    cache_folder: Path

    @cached_property
    def countries(self) -> dict[str, Country]:
        """The members of the United Nations by code."""
        return {country.code: country for country in countries(self.cache_folder)}

    def country_names(self, half: int) -> list[str]:
        """The named countries of a half."""
        return [self.countries[code].name for code, its in sorted(flag_halves().items()) if its == half]

    def names(self, category: str, half: int) -> list[str]:
        """The named things of a category and a half."""
        return [thing.name for thing in named(category) if emoji_halves()[thing.code] == half]

    def all_names(self, half: int) -> list[str]:
        """All named things of a half."""
        return [name for category in CATEGORIES for name in self.names(category, half)]
