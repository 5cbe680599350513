"""The album: all pictures planned, drawn in two processes and written; a picture that is there stays."""

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from proving_ground.real_pair.pictures.amounts import FULL, Amounts
from proving_ground.real_pair.pictures.drawing import drawn
from proving_ground.real_pair.pictures.packages import NPM, unpacked
from proving_ground.real_pair.pictures.picture import SPLITS, Picture, Split
from proving_ground.real_pair.pictures.planning import planned

QUALITY = 82

OTHER_SOURCES = {
    "sklearn": ("scikit-learn (load_digits, china.jpg, flower.jpg)", "BSD-3-Clause; photographs CC-BY"),
    "easyvqa": ("easy-vqa 1.0", "MIT"),
    "fonts": (
        "Debian fonts-dejavu-core, fonts-freefont-ttf, fonts-lato, fonts-liberation; scikit-image's pictures",
        "Bitstream Vera, GPL-3+ with font exception, OFL-1.1, OFL-1.1; BSD-3-Clause and public domain",
    ),
    "matplotlib": ("matplotlib", "PSF-based"),
    "drawn": ("this repository", "Apache-2.0"),
}


def write_album(
    out: Path,
    *,
    cache_folder: Path,
    amounts: dict[Split, Amounts] = FULL,
    processes: int = 2,
    report: Callable[[str], None] = print,
) -> list[Picture]:
    """Plan the album, draw what is missing, and write `pictures.json` and `sources.json`.

    Args:
        out: gets `pictures/`, `pictures.json` and `sources.json`.
        cache_folder: where the packages lie, or come to lie.
        amounts: how many pictures a split holds.
        processes: how many draw at once.
        report: receives lines of progress.
    """
    for package in NPM:
        unpacked(package.maker, cache_folder)
    album = [
        picture for split in SPLITS for picture in planned(split, amounts[split], cache_folder=cache_folder)
    ]
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    there = {file.name for file in folder.iterdir()}
    missing = [picture for picture in album if picture.name not in there]
    report(f"{len(album)} pictures planned, {len(missing)} to draw")
    draw = partial(_draw_into, folder=folder, cache_folder=cache_folder)
    if processes == 1 or len(missing) < 100:
        for picture in missing:
            draw(picture)
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for count, _ in enumerate(pool.imap_unordered(draw, missing, chunksize=50), start=1):
                if count % 2000 == 0:
                    report(f"{count} of {len(missing)} drawn")
    _write_json(out / "pictures.json", [asdict(picture) for picture in album])
    _write_json(out / "sources.json", _sources(album))
    return album


def _draw_into(picture: Picture, *, folder: Path, cache_folder: Path) -> None:
    file = folder / picture.name
    partial_file = file.with_suffix(".partial")
    drawn(picture, cache_folder=cache_folder).save(partial_file, format="webp", quality=QUALITY, method=6)
    partial_file.rename(file)


def _sources(album: list[Picture]) -> dict[str, dict[str, str | int]]:
    counts = Counter(picture.maker for picture in album)
    sources: dict[str, dict[str, str | int]] = {}
    for package in NPM:
        sources[package.maker] = {
            "package": package.name,
            "version": package.version,
            "licence": package.licence,
            "sha256": package.sha256,
            "pictures": counts[package.maker],
        }
    for maker, (package_name, licence) in OTHER_SOURCES.items():
        sources[maker] = {"package": package_name, "licence": licence, "pictures": counts[maker]}
    return sources


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
