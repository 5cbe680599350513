"""`python -m proving_ground.real_pair.visible --data DIR --tower DIR`: what a linear reader sees.

For every fact that questions ask for, a ridge regression from the tower's features to the fact is fitted on
training pictures, its penalty chosen on a fifth of them, and scored on development pictures. What no linear
reader sees will hardly be learned through a projector; nobody should be trained or scored on it. Two kinds of
feature: the class token beside the mean patch, and all patches averaged in twos (4 x 4), which know places.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from proving_ground.real_pair.pictures.picture import PIXELS, Picture, seeded
from proving_ground.real_pair.questions.kinds import kind_of

Features = NDArray[np.float32]
PENALTIES = (10.0, 100.0, 1000.0, 10000.0)
MOST_TRAINED = 3000
"""Pictures a reader is fitted on, at most: it solves a system of that size."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""DINOv2's normalisation."""


@dataclass(frozen=True)
class Fact:
    """Something to be read from pictures."""

    name: str
    label: Callable[[Picture], Hashable | None]
    """None for pictures that it does not apply to."""


@dataclass(frozen=True)
class Visibility:
    """How well a fact is read on development pictures."""

    fact: str
    classes: int
    count: int
    chance: float
    accuracy: dict[str, float]
    """By kind of feature."""


def facts() -> list[Fact]:
    """What the questions ask for."""

    def name_in(category: str) -> Callable[[Picture], Hashable | None]:
        return lambda p: p.concept if p.kind == "emoji" and p.facts["category"] == category else None

    def of(kind: str, read: Callable[[Picture], Hashable | None]) -> Callable[[Picture], Hashable | None]:
        return lambda p: read(p) if p.kind == kind else None

    def thing(index: int, part: int) -> Callable[[Picture], Hashable | None]:
        return of("shapes", lambda p: (p.facts["arranged"], p.facts["things"][index][part]))

    def height(p: Picture, place: int) -> Hashable:
        return sorted(p.facts["bars"], key=lambda bar: bar[1])[place][0]

    return [
        Fact("animal", name_in("animal")),
        Fact("food", name_in("food")),
        Fact("object", name_in("object")),
        Fact("kind", kind_of),
        Fact("flag", of("flag", lambda p: p.concept if p.half else None)),
        Fact("digit", of("digit", lambda p: p.concept)),
        Fact("word", of("word", lambda p: p.concept)),
        Fact("number", of("number", lambda p: p.concept)),
        Fact("number's first digit", of("number", lambda p: p.concept[0])),
        Fact("number's last digit", of("number", lambda p: p.concept[1])),
        Fact("ink of a word", of("word", lambda p: p.facts["ink"])),
        Fact("background", of("emoji", lambda p: p.facts["background"])),
        Fact("place", of("emoji", lambda p: p.facts["place"])),
        Fact("pair: first thing", of("pair", lambda p: (p.facts["arranged"], p.facts["codes"][0]))),
        Fact("pair: which is larger", of("pair", lambda p: p.facts["sizes"][0] > p.facts["sizes"][1])),
        Fact("pair: arranged", of("pair", lambda p: p.facts["arranged"])),
        Fact("shapes: colour of the first", thing(0, 0)),
        Fact("shapes: shape of the first", thing(0, 1)),
        Fact("shapes: which is larger", of("shapes", lambda p: p.facts["things"][0][2] > 0.2)),
        Fact("easy: colour", of("easy", lambda p: p.facts["colour"] or None)),
        Fact("easy: shape", of("easy", lambda p: p.facts["shape"] or None)),
        Fact("chart: bars", of("chart", lambda p: len(p.facts["bars"]))),
        Fact("chart: highest", of("chart", lambda p: height(p, -1))),
        Fact("chart: lowest", of("chart", lambda p: height(p, 0))),
        Fact("chart: first", of("chart", lambda p: p.facts["bars"][0][0])),
        Fact("spoiled", lambda p: p.kind == "spoiled" if p.kind in ("spoiled", "emoji") else None),
    ]


def ridge_accuracy(
    trained: Features, labels: Sequence[Hashable], shown: Features, true: Sequence[Hashable]
) -> float:
    """Return the share of pictures that a linear reader gets right.

    Args:
        trained: (n, d) features to fit on.
        labels: n labels.
        shown: (m, d) features to read.
        true: m labels.
    """
    mean, spread = trained.mean(0), trained.std(0) + 1e-3
    trained, shown = (trained - mean) / spread, (shown - mean) / spread
    classes = list(dict.fromkeys(labels))
    place = {label: index for index, label in enumerate(classes)}
    wanted = np.eye(len(classes), dtype=np.float32)[[place[label] for label in labels]]
    held = np.arange(len(trained)) % 5 == 0

    def read(fit: NDArray[np.bool_], of: Features, penalty: float) -> NDArray[np.int64]:
        kernel = trained[fit] @ trained[fit].T
        kernel[np.diag_indices_from(kernel)] += penalty * trained.shape[1] / 768
        middle = wanted[fit].mean(0)
        weights = np.linalg.solve(kernel, wanted[fit] - middle)
        return (of @ trained[fit].T @ weights + middle).argmax(1)

    right = {
        penalty: float((read(~held, trained[held], penalty) == wanted[held].argmax(1)).mean())
        for penalty in PENALTIES
    }
    best = max(right, key=lambda penalty: right[penalty])
    said = read(np.ones(len(trained), dtype=bool), shown, best)
    return float(np.mean([classes[index] == label for index, label in zip(said, true, strict=True)]))


def visibility(fact: Fact, pictures: Sequence[Picture], features: dict[str, Features]) -> Visibility | None:
    """Fit and score a fact's readers; None where the pictures do not show it.

    Args:
        fact: what is read.
        pictures: of training and development.
        features: kind of feature -> (pictures, d).
    """
    labelled = [(row, fact.label(picture)) for row, picture in enumerate(pictures)]
    rows = {
        split: [(row, label) for row, label in labelled if label is not None and pictures[row].split == split]
        for split in ("train", "development")
    }
    if not rows["train"] or not rows["development"]:
        return None
    fit = seeded("visible", fact.name).sample(rows["train"], min(MOST_TRAINED, len(rows["train"])))
    show = rows["development"]
    true = [label for _, label in show]
    accuracy = {
        kind: ridge_accuracy(
            values[[row for row, _ in fit]].astype(np.float32),
            [label for _, label in fit],
            values[[row for row, _ in show]].astype(np.float32),
            true,
        )
        for kind, values in features.items()
    }
    return Visibility(
        fact.name, len(set(true)), len(true), max(map(true.count, set(true))) / len(true), accuracy
    )


def tower_features(pictures: Sequence[Picture], folder: Path, tower: Path) -> dict[str, Features]:
    """Run a `Dinov2Model` over pictures; returns `class and mean` (n, 768) and `places` (n, 17 x 384)."""
    import torch
    from transformers import Dinov2Model

    model = Dinov2Model.from_pretrained(tower, dtype=torch.bfloat16).eval()
    mean, spread = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    side = PIXELS // model.config.patch_size
    rows, placed = [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), 64):
            images = [
                np.asarray(Image.open(folder / picture.name)) for picture in pictures[start : start + 64]
            ]
            pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
            tokens = model(((pixels - mean) / spread).bfloat16()).last_hidden_state.float()
            patches = tokens[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
            fours = torch.nn.functional.avg_pool2d(patches, 2).flatten(1)
            rows.append(torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1).numpy())
            placed.append(torch.cat([tokens[:, 0], fours], 1).half().numpy())
    return {"class and mean": np.concatenate(rows), "places": np.concatenate(placed)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, measure and write `visible.json`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.real_pair.visible", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what proving_ground.real_pair.data made")
    parser.add_argument("--tower", type=Path, required=True, help="a Dinov2Model")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    entries = json.loads((options.data / "pictures.json").read_text(encoding="utf-8"))
    pictures = [Picture(**entry) for entry in entries if entry["split"] != "reporting"]
    features = tower_features(pictures, options.data / "pictures", options.tower)
    results = [visibility(fact, pictures, features) for fact in facts()]
    shown = [result for result in results if result is not None]
    for result in shown:
        read = ", ".join(f"{kind} {100 * share:.1f}" for kind, share in result.accuracy.items())
        print(
            f"{result.fact:28} {result.count:5} pictures, chance {100 * result.chance:5.1f}: {read}",
            flush=True,
        )
    (options.data / "visible.json").write_text(
        json.dumps([vars(result) for result in shown], indent=1) + "\n", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
