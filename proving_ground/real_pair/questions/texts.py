"""Two sets of text without pictures: small sums (`maths`) and words in three other languages (`translation`).

For text-only fine-tunes of the language model. The three splits share no prompt.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from proving_ground.real_pair.pictures.picture import SPLITS, seeded
from proving_ground.real_pair.questions.question import World
from proving_ground.real_pair.tables import table

Pair = tuple[str, str]

PEOPLE = ("Tom", "Anna", "Ben", "Mary", "Sam", "Lucy", "Omar", "Mei", "Ivan", "Rosa")
GOODS = ("apples", "pears", "books", "pens", "coins", "eggs", "cards", "stones", "shells", "balls")
HELD_OUT = 500
"""Lines of a development or reporting set, at most."""
HELD_OUT_SHARE = 0.6
"""Of the words and phrases."""


def _sum(rng: random.Random) -> Pair:
    a, b = rng.randint(2, 99), rng.randint(2, 99)
    return f"What is {a} + {b}?", str(a + b)


def _difference(rng: random.Random) -> Pair:
    a, b = sorted((rng.randint(2, 99), rng.randint(2, 99)), reverse=True)
    return f"What is {a} - {b}?", str(a - b)


def _product(rng: random.Random) -> Pair:
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    return f"What is {a} x {b}?", str(a * b)


def _comparison(rng: random.Random) -> Pair:
    a, b = rng.sample(range(2, 100), 2)
    larger = rng.random() < 0.5
    return f"Which is {'larger' if larger else 'smaller'}, {a} or {b}?", str(
        max(a, b) if larger else min(a, b)
    )


def _gained(rng: random.Random) -> Pair:
    a, b, goods = rng.randint(2, 20), rng.randint(2, 20), rng.choice(GOODS)
    name, other = rng.sample(PEOPLE, 2)
    return (
        f"{name} has {a} {goods}. {other} gives {name} {b} more. How many {goods} does {name} have now?",
        str(a + b),
    )


def _lost(rng: random.Random) -> Pair:
    a, b, goods = rng.randint(11, 30), rng.randint(2, 10), rng.choice(GOODS)
    name = rng.choice(PEOPLE)
    return f"{name} has {a} {goods} and loses {b} of them. How many {goods} are left?", str(a - b)


def _boxes(rng: random.Random) -> Pair:
    a, b, goods = rng.randint(2, 9), rng.randint(2, 9), rng.choice(GOODS)
    return f"There are {a} boxes with {b} {goods} in a box. How many {goods} are there in all?", str(a * b)


MATHS: tuple[tuple[Callable[[random.Random], Pair], int], ...] = (
    (_sum, 4),
    (_difference, 4),
    (_product, 1),
    (_comparison, 2),
    (_gained, 3),
    (_lost, 3),
    (_boxes, 2),
)
"""Kinds of question and their weights."""


def maths(count: int) -> list[Pair]:
    """Write so many different questions about small numbers."""
    rng = seeded("maths")
    kinds, weights = zip(*MATHS, strict=True)
    lines: dict[str, str] = {}
    while len(lines) < count:
        prompt, answer = rng.choices(kinds, weights)[0](rng)
        lines.setdefault(prompt, answer)
    return list(lines.items())


LANGUAGES: Mapping[str, str] = {"French": "fra", "Spanish": "spa", "German": "deu"}
TEMPLATES = (
    'What is "{}" in {}?',
    'Translate "{}" into {}.',
    'How do you say "{}" in {}?',
    'Give the {1} word for "{0}".',
)


def translations(world: World) -> Iterator[tuple[str, str, str]]:
    """Yield English words and phrases with a language and what they are in it."""
    for row in table("words"):
        for language in LANGUAGES:
            yield row["English"], language, row[language]
    for country in world.countries.values():
        for language, code in LANGUAGES.items():
            if code in country.translations:
                yield country.name, language, country.translations[code]
    for colour in table("colours"):
        for thing in table("phrases"):
            for language in LANGUAGES:
                yield (
                    f"{colour['English']} {thing['English']}",
                    language,
                    _phrase(language, colour, thing),
                )


def _phrase(language: str, colour: Mapping[str, str], thing: Mapping[str, str]) -> str:
    """A colour and a noun: behind it and of its gender in French and Spanish, before it in German."""
    noun, gender = thing[language], thing[f"{language} gender"]
    if language == "German":
        return f"{colour['German']}{ {'m': 'er', 'f': 'e', 'n': 'es'}[gender] } {noun}"
    return f"{noun} {colour[f'{language} {gender}']}"


def translation(world: World) -> tuple[list[Pair], list[Pair]]:
    """Write two wordings for every word, language and phrase: those to train on, and those to hold out.

    Of a word one wording may be held out, the other is taught; a phrase of colour and thing is held out in
    both, since its parts are taught.
    """
    rng = seeded("translation")
    taught: list[Pair] = []
    held_out: list[Pair] = []
    for english, language, other in translations(world):
        first, second = rng.sample(TEMPLATES, 2)
        phrase = english.split()[0] in {row["English"] for row in table("colours")} and " " in english
        aside = rng.random() < HELD_OUT_SHARE
        taught_wordings = [] if aside and phrase else [first] if aside else [first, second]
        taught += [(wording.format(english, language), other) for wording in taught_wordings]
        if aside:
            held_out.append((second.format(english, language), other))
    return taught, held_out


def write_texts(folder: Path, world: World, *, maths_lines: int = 6000) -> dict[str, int]:
    """Write both sets in three splits; returns file name -> lines."""
    folder.mkdir(parents=True, exist_ok=True)
    sums = maths(maths_lines)
    sets = {"maths": (sums[2 * HELD_OUT :], sums[: 2 * HELD_OUT]), "translation": translation(world)}
    written: dict[str, int] = {}
    for name, (taught, held_out) in sets.items():
        rng = seeded("texts", name)
        held_out = rng.sample(held_out, len(held_out))
        parts = [rng.sample(taught, len(taught)), held_out[::2][:HELD_OUT], held_out[1::2][:HELD_OUT]]
        for split, part in zip(SPLITS, parts, strict=True):
            file = folder / f"{name}.{split}.jsonl"
            lines = [
                {
                    "id": f"{name}-{split[:3]}-{number:05d}",
                    "task": name,
                    "prompt": prompt,
                    "answer": answer,
                }
                for number, (prompt, answer) in enumerate(part)
            ]
            file.write_text(
                "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
            )
            written[file.name] = len(part)
    return written
