"""Countries: names, capitals, continents, languages, currencies (world-countries), and drawings of flags.

Google's flags are never trained on. Seventy-two well-known countries are *named*: asked for by name.
"""

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from proving_ground.real_pair.pictures.emoji import cut_to_content, icon_markup, rasterised, slug
from proving_ground.real_pair.pictures.packages import unpacked
from proving_ground.real_pair.tables import table

TRAINED_FLAGS = ("flagicons", "world", "twitter", "emojione")
HELD_OUT_FLAGS = "google"
ALSO = {
    "us capital": ("Washington", "Washington DC"),
    "ua capital": ("Kiev",),
    "mn capital": ("Ulaanbaatar",),
    "ch capital": ("Berne",),
    "lk capital": ("Sri Jayawardenepura Kotte", "Kotte"),
    "ru continent": ("Asia",),
    "tr continent": ("Europe",),
    "eg continent": ("Asia",),
    "ve currency": ("bolívar",),
}
"""What is right besides what world-countries says."""
UNDRAWABLE = {("world", "bo")}
"""Files that cairo cannot draw (a matrix without an inverse)."""


@dataclass(frozen=True)
class Country:
    """A member of the United Nations."""

    code: str
    name: str
    named: bool
    """Whether it is one of the well-known ones."""
    capital: tuple[str, ...]
    continent: tuple[str, ...]
    language: tuple[str, ...]
    currency: tuple[str, ...]
    translations: dict[str, str]
    """Three-letter language -> the country's name in it."""
    code3: str


@cache
def countries(cache_folder: Path) -> tuple[Country, ...]:
    """Return all members of the United Nations that have a capital, by code."""
    entries = json.loads((unpacked("world", cache_folder) / "countries.json").read_text("utf-8"))
    known = {row["code"]: row for row in table("countries")}
    members = [_country(entry, known) for entry in entries if entry["unMember"] and entry["capital"]]
    return tuple(sorted(members, key=lambda country: country.code))


def _country(entry: dict[str, Any], known: dict[str, dict[str, str]]) -> Country:
    code = entry["cca2"].lower()
    row = known.get(code)
    spoken = tuple(entry["languages"].values())
    first = (row["language"],) if row else ()
    # Cuba's convertible peso is no longer money.
    currencies = [
        currency["name"].lower()
        for currency in entry["currencies"].values()
        if "convertible" not in currency["name"]
    ]

    def accepted(topic: str, answers: Iterable[str]) -> tuple[str, ...]:
        return _with_plain_letters((*answers, *ALSO.get(f"{code} {topic}", ())))

    return Country(
        code=code,
        name=row["name"] if row else entry["name"]["common"],
        named=row is not None,
        capital=accepted("capital", entry["capital"]),
        continent=accepted("continent", _continent(entry)),
        language=accepted("language", (*first, *spoken)),
        currency=accepted("currency", (word for name in currencies for word in (name, name.split()[-1]))),
        translations={language: words["common"] for language, words in entry["translations"].items()},
        code3=entry["cca3"].lower(),
    )


def _with_plain_letters(answers: Iterable[str]) -> tuple[str, ...]:
    """Accept `Bogota` for `Bogotá`; no answer twice."""
    return tuple(dict.fromkeys(word for answer in answers for word in (answer, _plain_letters(answer))))


def _plain_letters(text: str) -> str:
    # What Unicode does not take for a letter with an accent.
    text = text.translate(str.maketrans("łđø", "ldo"))
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _continent(entry: dict[str, Any]) -> tuple[str, ...]:
    if entry["region"] != "Americas":
        return (entry["region"], "Australia") if entry["region"] == "Oceania" else (entry["region"],)
    south = entry["subregion"] == "South America"
    return ("South America" if south else "North America", "America", "the Americas")


def flag_drawing(maker: str, country: Country, *, cache_folder: Path) -> Image.Image | None:
    """Return a maker's drawing of a flag, None where it has none."""
    source = _source(maker, country, cache_folder)
    if source is None:
        return None
    if isinstance(source, str):
        return cut_to_content(rasterised(source.encode()))
    if source.suffix == ".svg":
        return rasterised(source.read_bytes(), width=160)
    return cut_to_content(Image.open(source).convert("RGBA"))


def has_flag(maker: str, country: Country, *, cache_folder: Path) -> bool:
    """Whether a maker has a drawing of a country's flag."""
    return _source(maker, country, cache_folder) is not None


def _source(maker: str, country: Country, cache_folder: Path) -> Path | str | None:
    """The file of a flag, or its SVG."""
    if (maker, country.code) in UNDRAWABLE:
        return None
    if maker == "emojione":
        return icon_markup(maker, f"flag-for-{slug(country.name)}", cache_folder=cache_folder)
    folder = unpacked(maker, cache_folder)
    if maker == "flagicons":
        file = folder / "flags" / "4x3" / f"{country.code}.svg"
    elif maker == "world":
        file = folder / "data" / f"{country.code3}.svg"
    else:
        letters = "-".join(f"{0x1F1E6 + ord(letter) - ord('a'):x}" for letter in country.code)
        file = folder / "img" / maker / "64" / f"{letters}.png"
    return file if file.exists() else None
