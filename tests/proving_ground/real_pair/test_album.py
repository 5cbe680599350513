import json
from dataclasses import fields
from pathlib import Path

import pytest

from proving_ground.real_pair import data
from proving_ground.real_pair.pictures.album import write_album
from proving_ground.real_pair.pictures.amounts import Amounts
from proving_ground.real_pair.pictures.packages import NPM
from proving_ground.real_pair.pictures.picture import SPLITS

FEW = Amounts(**{field.name: 0 for field in fields(Amounts)} | {"emoji": 1, "shapes": 2})


def test_an_album_is_gone_on_with_and_comes_out_the_same(packages: Path, tmp_path: Path) -> None:
    amounts = dict.fromkeys(SPLITS, FEW)
    lines: list[str] = []
    album = write_album(tmp_path, cache_folder=packages, amounts=amounts, processes=1, report=lines.append)

    # Two makers have drawn two things; nobody has what is held out.
    assert [picture.name for picture in album] == [
        "emoji-google-1f412-t0.webp",
        "emoji-twitter-1f412-t0.webp",
        "emoji-google-1f40d-t0.webp",
        "emoji-twitter-1f40d-t0.webp",
        "shapes-drawn-t0000.webp",
        "shapes-drawn-t0001.webp",
        "shapes-drawn-d0000.webp",
        "shapes-drawn-d0001.webp",
        "shapes-drawn-r0000.webp",
        "shapes-drawn-r0001.webp",
    ]
    before = {file.name: file.read_bytes() for file in (tmp_path / "pictures").iterdir()}
    assert sorted(before) == sorted(picture.name for picture in album)

    (tmp_path / "pictures" / "emoji-google-1f40d-t0.webp").unlink()
    (tmp_path / "pictures" / "shapes-drawn-t0000.webp").write_bytes(b"is there")
    write_album(tmp_path, cache_folder=packages, amounts=amounts, processes=1, report=lines.append)

    after = {file.name: file.read_bytes() for file in (tmp_path / "pictures").iterdir()}
    assert after == before | {"shapes-drawn-t0000.webp": b"is there"}
    assert lines == ["10 pictures planned, 10 to draw", "10 pictures planned, 1 to draw"]


def test_sources_say_how_many_pictures_a_maker_has(packages: Path, tmp_path: Path) -> None:
    write_album(tmp_path, cache_folder=packages, amounts=dict.fromkeys(SPLITS, FEW), processes=1)

    sources = json.loads((tmp_path / "sources.json").read_text())
    assert {maker: source["pictures"] for maker, source in sources.items() if source["pictures"]} == {
        "google": 2,
        "twitter": 2,
        "drawn": 6,
    }
    assert sources["openmoji"]["licence"] == "CC-BY-SA-4.0"


def said_by_the_command(out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert data.main(["--out", str(out), "--cache", str(out.parent / "cache")]) == 2
    return capsys.readouterr().err


def test_what_is_not_installed_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "missing_modules", lambda: ["cairosvg"])
    assert said_by_the_command(tmp_path / "out", capsys).startswith("cairosvg is not installed: `pip install")

    monkeypatch.setattr(data, "missing_modules", list)
    monkeypatch.setattr(data, "missing_fonts", lambda: ["lato/Lato-Black.ttf"])
    said = said_by_the_command(tmp_path / "out", capsys)
    assert said.startswith("The font lato/Lato-Black.ttf is not here: `apt-get install fonts-dejavu-core")

    monkeypatch.setattr(data, "missing_fonts", list)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / NPM[0].file).write_bytes(b"something else")
    assert f"is not {NPM[0].name} {NPM[0].version}" in said_by_the_command(tmp_path / "out", capsys)
    assert not (tmp_path / "out").exists()
