"""The album planned: which pictures there are and what each will show, before anything is drawn."""

from collections.abc import Mapping
from pathlib import Path

from proving_ground.real_pair.pictures import digits, emoji
from proving_ground.real_pair.pictures.amounts import Amounts
from proving_ground.real_pair.pictures.backgrounds import textures
from proving_ground.real_pair.pictures.charts import bars_by_chance
from proving_ground.real_pair.pictures.compositing import RIMS, placed_by_chance
from proving_ground.real_pair.pictures.concepts import CATEGORIES, Thing, named
from proving_ground.real_pair.pictures.countries import (
    HELD_OUT_FLAGS,
    TRAINED_FLAGS,
    countries,
    has_flag,
)
from proving_ground.real_pair.pictures.damage import DAMAGES
from proving_ground.real_pair.pictures.easy import easy_questions
from proving_ground.real_pair.pictures.halves import cut, digit_halves, emoji_halves, flag_halves
from proving_ground.real_pair.pictures.lettering import INKS, WORDS, fonts
from proving_ground.real_pair.pictures.picture import Picture, Split, seeded
from proving_ground.real_pair.pictures.shapes import COLOURS, SHAPES

NUMBERS = tuple(range(10, 100))
SHORT: Mapping[Split, str] = {"train": "t", "development": "d", "reporting": "r"}

KINDS_OF_OTHERS = {
    "animal-mammal": "animal",
    "animal-bird": "animal",
    "animal-marine": "animal",
    "animal-bug": "animal",
    "animal-reptile": "animal",
    "food-fruit": "food",
    "food-vegetable": "food",
    "food-prepared": "food",
    "food-asian": "food",
    "food-sweet": "food",
    "transport-ground": "vehicle",
    "transport-water": "vehicle",
    "transport-air": "vehicle",
    "clothing": "clothing",
    "plant-flower": "plant",
    "plant-other": "plant",
    "musical-instrument": "instrument",
    "place-building": "building",
}
"""Groups of emoji that are asked for by kind alone -> what one of them is."""


PAIRED = frozenset(
    [
        *("bear", "elephant", "fox", "panda", "bee", "ladybug", "penguin", "turtle", "crocodile", "frog"),
        *("spider", "tiger", "apple", "grapes", "watermelon", "cherries", "carrot", "hamburger", "pizza"),
        *("cookie", "pear", "orange", "doughnut", "corn"),
    ]
)
"""Things that two are shown of in a picture: half as large, only the plainest are told apart."""


def planned(split: Split, amounts: Amounts, *, cache_folder: Path) -> list[Picture]:
    """Plan all pictures of a split."""
    return [
        *_named_emoji(split, amounts.emoji, cache_folder),
        *_other_emoji(split, cache_folder),
        *_flags(split, amounts.flags, cache_folder),
        *_digits(split, amounts, cache_folder),
        *_lettered(split, "word", WORDS, amounts.words),
        *_lettered(split, "number", tuple(map(str, NUMBERS)), amounts.numbers),
        *_pairs(split, amounts.pairs, cache_folder),
        *_shapes(split, amounts.shapes),
        *_easy(split, amounts.easy),
        *_charts(split, amounts.charts),
        *_spoiled(split, amounts.spoiled, cache_folder),
    ]


def emoji_makers(split: Split) -> tuple[str, ...]:
    """Whose emoji a split shows."""
    return emoji.TRAINED if split == "train" else (emoji.HELD_OUT,)


def _named_emoji(split: Split, renderings: int, cache_folder: Path) -> list[Picture]:
    pictures = []
    for category in CATEGORIES:
        for thing in named(category):
            for maker in emoji_makers(split):
                if not emoji.is_drawn(maker, thing.code, cache_folder=cache_folder):
                    continue
                for copy in range(renderings):
                    name = f"emoji-{maker}-{thing.code}-{SHORT[split]}{copy}.webp"
                    facts = {
                        "name": thing.name,
                        "category": category,
                        **placed_by_chance(seeded(name), split, rims=True).to_facts(),
                    }
                    half = emoji_halves()[thing.code]
                    pictures.append(Picture(name, "emoji", split, maker, thing.code, half, facts))
    return pictures


def _other_emoji(split: Split, cache_folder: Path) -> list[Picture]:
    """Things asked for by kind alone: one rendering; held-out ones are development or reporting."""
    known = {thing.code for category in CATEGORIES for thing in named(category)}
    entries = [
        (code, KINDS_OF_OTHERS[entry["subgroups"]])
        for code, entry in sorted(emoji.catalogue(cache_folder).items())
        if entry["subgroups"] in KINDS_OF_OTHERS and code not in known and "-" not in code
    ]
    if split != "train":
        entries = entries[0 if split == "development" else 1 :: 2]
    pictures = []
    for code, kind in entries:
        for maker in ("google", "twitter") if split == "train" else (emoji.HELD_OUT,):
            if emoji.is_drawn(maker, code, cache_folder=cache_folder):
                name = f"other-{maker}-{code}-{SHORT[split]}0.webp"
                placement = placed_by_chance(seeded(name), split, rims=True)
                facts = {"category": kind, **placement.to_facts()}
                pictures.append(Picture(name, "other", split, maker, code, 0, facts))
    return pictures


def _flags(split: Split, renderings: int, cache_folder: Path) -> list[Picture]:
    pictures = []
    halves = flag_halves()
    for country in countries(cache_folder):
        for maker in TRAINED_FLAGS if split == "train" else (HELD_OUT_FLAGS,):
            if not has_flag(maker, country, cache_folder=cache_folder):
                continue
            for copy in range(renderings if country.named else 1):
                name = f"flag-{maker}-{country.code}-{SHORT[split]}{copy}.webp"
                placement = placed_by_chance(seeded(name), split, textured=0.15, lean=6)
                facts = {"name": country.name, "category": "flag", **placement.to_facts()}
                half = halves.get(country.code, 0)
                pictures.append(Picture(name, "flag", split, maker, country.code, half, facts))
    return pictures


def _digits(split: Split, amounts: Amounts, cache_folder: Path) -> list[Picture]:
    """Digits from three ranges of the packages' own order, so that no splits share a picture."""
    first = {"train": 0, "development": 600, "reporting": 800}[split]
    pictures = []
    for digit in range(10) if amounts.mnist else ():
        available = len(digits.mnist(digit, cache_folder))
        for index in range(amounts.mnist // 10):
            place = first + index
            if place >= available:
                break
            pictures.append(_digit(split, "mnist", digit, place))
    if not amounts.scikit_learn:
        return pictures
    _, targets = digits.scikit_learn()
    start = {"train": 0, "development": 1200, "reporting": 1500}[split]
    for place in range(start, start + amounts.scikit_learn):
        pictures.append(_digit(split, "sklearn", int(targets[place]), place))
    return pictures


def _digit(split: Split, maker: str, digit: int, place: int) -> Picture:
    name = f"digit-{maker}-{digit}-{place}.webp"
    facts = {"name": str(digit), "category": "digit", "dark": seeded(name).random() < 0.4, "index": place}
    return Picture(name, "digit", split, maker, str(digit), digit_halves()[str(digit)], facts)


def _lettered(split: Split, kind: str, texts: tuple[str, ...], renderings: int) -> list[Picture]:
    halves = cut(list(texts), kind=kind)
    pictures = []
    for text in texts:
        for copy in range(renderings):
            name = f"{kind}-{text}-{SHORT[split]}{copy}.webp"
            rng = seeded(name)
            facts = {
                "name": text,
                "category": kind,
                "font": rng.choice(fonts(split)),
                "ink": rng.choice(tuple(INKS)),
                "texture": rng.choice(textures(split)),
                "width": round(rng.uniform(0.86, 0.92), 3),
            }
            pictures.append(Picture(name, kind, split, "fonts", text, halves[text], facts))
    return pictures


def _pairs(split: Split, count: int, cache_folder: Path) -> list[Picture]:
    """Two named things of one half, by one maker."""
    pictures = []
    for index in range(count):
        rng = seeded("pair", split, index)
        maker, half = rng.choice(emoji_makers(split)), 1 + index % 2
        things = [thing for thing in _things_by(maker, half, cache_folder) if thing.name in PAIRED]
        first, second = rng.sample(things, 2)
        large = rng.randrange(2)
        facts = {
            "names": [first.name, second.name],
            "codes": [first.code, second.code],
            "rim": rng.choice(RIMS) if split == "train" else 0,
            "category": "pair",
            "arranged": rng.choice(("horizontal", "vertical")),
            "sizes": [0.52 if large == 0 else 0.36, 0.36 if large == 0 else 0.52],
            "background": placed_by_chance(rng, split, textured=0).background,
        }
        name = f"pair-{maker}-{SHORT[split]}{index:04d}.webp"
        pictures.append(Picture(name, "pair", split, maker, f"{first.code}+{second.code}", half, facts))
    return pictures


def _things_by(maker: str, half: int, cache_folder: Path) -> list[Thing]:
    """The named things of a half that a maker has drawn."""
    return [
        thing
        for category in CATEGORIES
        for thing in named(category)
        if emoji_halves()[thing.code] == half and emoji.is_drawn(maker, thing.code, cache_folder=cache_folder)
    ]


def _shapes(split: Split, count: int) -> list[Picture]:
    pictures = []
    for index in range(count):
        rng = seeded("shapes", split, index)
        colours, shapes = rng.sample(tuple(COLOURS), 2), rng.sample(SHAPES, 2)
        radii = [0.22, 0.12] if rng.random() < 0.5 else [0.12, 0.22]
        facts = {
            "things": [list(thing) for thing in zip(colours, shapes, radii, strict=True)],
            "category": "shapes",
            "arranged": rng.choice(("horizontal", "vertical")),
        }
        name = f"shapes-drawn-{SHORT[split]}{index:04d}.webp"
        pictures.append(Picture(name, "shapes", split, "drawn", f"shapes{index}", 0, facts))
    return pictures


def _easy(split: Split, count: int) -> list[Picture]:
    """easy-vqa's training pictures, or a half of its test pictures."""
    if not count:
        return []
    train = split == "train"
    numbers = sorted(easy_questions(train))
    if not train:
        numbers = numbers[0 if split == "development" else 1 :: 2]
    return [
        Picture(
            f"easy-{'train' if train else 'test'}-{number:04d}.webp",
            "easy",
            split,
            "easyvqa",
            f"easy{number}",
            0,
            {"number": number, "train": train, "category": "shape", **_easy_facts(train, number)},
        )
        for number in numbers[:count]
    ]


def _easy_facts(train: bool, number: int) -> dict[str, str]:
    answers = [answer for _, answer in easy_questions(train)[number]]
    shape = next((answer for answer in answers if answer in ("circle", "rectangle", "triangle")), "")
    colour = next((answer for answer in answers if answer not in ("yes", "no", shape)), "")
    return {"shape": shape, "colour": colour}


def _charts(split: Split, count: int) -> list[Picture]:
    pictures = []
    for index in range(count):
        rng = seeded("chart", split, index)
        facts = {
            "bars": [list(bar) for bar in bars_by_chance(rng)],
            "category": "chart",
            "grid": rng.random() < 0.5,
            "width": round(rng.uniform(0.55, 0.9), 2),
        }
        name = f"chart-matplotlib-{SHORT[split]}{index:04d}.webp"
        pictures.append(Picture(name, "chart", split, "matplotlib", f"chart{index}", 0, facts))
    return pictures


def _spoiled(split: Split, count: int, cache_folder: Path) -> list[Picture]:
    """Named emoji, blurred, dark or cut off."""
    pictures = []
    for index in range(count):
        rng = seeded("spoiled", split, index)
        maker, half = rng.choice(emoji_makers(split)), 1 + index % 2
        thing = rng.choice(_things_by(maker, half, cache_folder))
        facts = {
            "name": thing.name,
            "category": thing.category,
            "damage": DAMAGES[index // 2 % len(DAMAGES)],
            **placed_by_chance(rng, split, textured=0.15).to_facts(),
        }
        name = f"spoiled-{maker}-{thing.code}-{SHORT[split]}{index:04d}.webp"
        pictures.append(Picture(name, "spoiled", split, maker, thing.code, half, facts))
    return pictures
