"""A tiny cache of unpacked packages: two makers' pictures, a few digits, made-up countries."""

import json
from pathlib import Path

import pytest
from PIL import Image

from proving_ground.real_pair.pictures.packages import NPM
from proving_ground.real_pair.questions.question import World
from proving_ground.real_pair.tables import table
from real_pictures import MONKEY, SNAKE


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    folders = {
        package.maker: cache / "unpacked" / package.file.removesuffix(".tgz") / "package" for package in NPM
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    for maker, shade in (("google", (0, 120, 0)), ("twitter", (0, 200, 0))):
        drawings = folders[maker] / "img" / maker / "64"
        drawings.mkdir(parents=True)
        for code in (SNAKE, f"{MONKEY}-fe0f"):
            image = Image.new("RGBA", (64, 64))
            image.paste((*shade, 255), (12, 22, 52, 42))
            image.save(drawings / f"{code}.png")
    (folders["openmoji"] / "data").mkdir()
    (folders["openmoji"] / "data" / "openmoji.json").write_text("[]")
    for maker in ("fluent", "emojione", "blob"):
        (folders[maker] / "icons.json").write_text(json.dumps({"icons": {}, "width": 32, "height": 32}))
        (folders[maker] / "chars.json").write_text("{}")
    countries = [_country(row["code"], row["name"]) for row in table("countries")]
    (folders["world"] / "countries.json").write_text(json.dumps(countries))
    digits = folders["mnist"] / "src" / "digits"
    digits.mkdir(parents=True)
    (digits / "7.json").write_text(json.dumps({"data": [0.0] * 784 + [1.0] * 784}))
    return cache


def _country(code: str, name: str) -> dict[str, object]:
    return {
        "name": {"common": f"{name} (common)"},
        "cca2": code.upper(),
        "cca3": f"{code}x".upper(),
        "unMember": True,
        "capital": [f"Capital of {name}"],
        "region": {"br": "Americas", "mx": "Americas", "nz": "Oceania"}.get(code, "Asia"),
        "subregion": {"br": "South America", "mx": "North America"}.get(code, ""),
        "languages": {"xxx": "English"},
        "currencies": {"XXX": {"name": "Polski Złoty" if code == "pl" else f"{name} Shilling"}},
        "translations": {
            language: {"common": f"{name}-{language}"} for language in ("fra", "spa", "deu", "ita")
        },
    }


@pytest.fixture(scope="session")
def world(packages: Path) -> World:
    return World(packages)
