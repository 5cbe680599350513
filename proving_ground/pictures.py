"""Pictures and what may be asked about them: drawn here, or taken from data nobody here drew.

The real ones are easy-vqa's own pictures with its own questions (MIT) and the handwritten digits of the UCI
machine learning repository as scikit-learn carries them. Both are needed for training only, never for the
demo. Each kind comes in three splits that share no picture: `train`, `development` (to choose a design by)
and `held-out` (to report and to ship).
"""

import random
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PIL import Image

from proving_ground.facts import KNOWLEDGE, Facts
from proving_ground.questions import Turn, ask
from proving_ground.scenes import SIZE, Scene, Thing, big_scene, draw, grid_scene
from proving_ground.vocabulary import COLOURS, SHAPES

Split = Literal["train", "development", "held-out"]
_SPLIT_SEEDS: dict[Split, int] = {"train": 11, "development": 12, "held-out": 14}


@dataclass(frozen=True)
class Picture:
    """A picture, what it shows, and (where it came with some) questions of its own."""

    image: Image.Image
    scene: Scene
    source: str
    questions: tuple[Turn, ...] = ()

    def ask(self, task: str, *, rng: random.Random, facts: Facts) -> Turn | None:
        """Ask one question of `task`: one of the picture's own where it has any."""
        if task == "easy-vqa" and self.questions:
            return rng.choice(self.questions)
        return ask(task, self.scene, rng=rng, facts=facts)


def grid_pictures(split: Split, count: int) -> list[Picture]:
    """Draw `count` scenes of one to five shapes."""
    rng = random.Random(_SPLIT_SEEDS[split])
    scenes = [grid_scene(rng, things=rng.randint(1, 5)) for _ in range(count)]
    return [Picture(draw(scene, rng), scene, "drawn") for scene in scenes]


def object_pictures(split: Split, *, copies: int) -> list[Picture]:
    """Draw each of the 64 objects alone, `copies` times, in random cells."""
    rng = random.Random(100 + _SPLIT_SEEDS[split])
    scenes = [
        Scene("grid", (Thing(colour, shape, rng.randrange(9)),))
        for _ in range(copies)
        for colour in COLOURS
        for shape in SHAPES
    ]
    return [Picture(draw(scene, rng), scene, "drawn") for scene in scenes]


def big_pictures(split: Split, count: int) -> list[Picture]:
    """Draw pictures in the manner of easy-vqa's (to train on beside the real ones)."""
    rng = random.Random(200 + _SPLIT_SEEDS[split])
    scenes = [big_scene(rng) for _ in range(count)]
    return [Picture(draw(scene, rng), scene, "drawn") for scene in scenes]


def easy_vqa_pictures(split: Split, count: int) -> list[Picture]:
    """Take easy-vqa's pictures and questions: its training set, or a half of its test set."""
    import easy_vqa

    train = split == "train"
    paths = easy_vqa.get_train_image_paths() if train else easy_vqa.get_test_image_paths()
    asked = zip(*(easy_vqa.get_train_questions() if train else easy_vqa.get_test_questions()), strict=True)
    by_picture: dict[int, list[Turn]] = {}
    for question, answer, number in asked:
        by_picture.setdefault(number, []).append(Turn("easy-vqa", question.replace("?", " ?"), answer))
    numbers = sorted(by_picture)
    if not train:
        numbers = numbers[::2] if split == "development" else numbers[1::2]
    taken: list[Picture] = []
    for number in numbers:
        scene = _easy_scene(by_picture[number])
        if scene is not None and len(taken) < count:
            with Image.open(paths[number]) as image:
                taken.append(Picture(image.convert("RGB"), scene, "easy-vqa", tuple(by_picture[number])))
    return taken


def _easy_scene(turns: list[Turn]) -> Scene | None:
    """Read from a picture's own answers what it shows; None where they do not tell."""
    colour = next((turn.answer for turn in turns if turn.answer in COLOURS), None)
    shape = next((turn.answer for turn in turns if turn.answer in SHAPES), None)
    return Scene("big", (Thing(colour, shape, 4),)) if colour and shape else None


def digit_pictures(split: Split, count: int) -> list[Picture]:
    """Take handwritten digits, eight by eight pixels, enlarged six times."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = list(range(len(digits.images)))
    random.Random(300).shuffle(order)
    bounds = {"train": (0, 1297), "development": (1297, 1547), "held-out": (1547, 1797)}
    first, last = bounds[split]
    pictures = []
    for index in order[first:last][:count]:
        grey = Image.fromarray((255 - digits.images[index] * 15).astype("uint8"))
        image = grey.resize((SIZE, SIZE), Image.Resampling.NEAREST).convert("RGB")
        pictures.append(Picture(image, Scene("digit", digit=int(digits.target[index])), "digits"))
    return pictures


@dataclass(frozen=True)
class Album:
    """Pictures by kind: `grid`, `object`, `big` (drawn and easy-vqa) and `digit`."""

    grid: list[Picture]
    object: list[Picture]
    big: list[Picture]
    digit: list[Picture]

    def everything(self) -> list[Picture]:
        """Return all pictures, kind after kind."""
        return [*self.grid, *self.object, *self.big, *self.digit]

    def of(self, task: str) -> list[Picture]:
        """Return the pictures that questions of `task` are about."""
        if task in KNOWLEDGE:
            return self.object
        return {"easy-vqa": self.big, "digit": self.digit}.get(task, self.grid)


def album(split: Split, *, scale: float = 1.0, real: bool = True) -> Album:
    """Collect the pictures of a split; `real=False` leaves out what needs the third parties' packages."""
    some = partial(_scaled, scale)
    big = [] if split != "train" and real else big_pictures(split, some(400))
    return Album(
        grid=grid_pictures(split, some(3200)),
        object=object_pictures(split, copies=some(16 if split == "train" else 4)),
        big=[*big, *(easy_vqa_pictures(split, some(1600)) if real else [])],
        digit=digit_pictures(split, some(1297)) if real else [],
    )


def _scaled(scale: float, count: int) -> int:
    return max(1, round(count * scale))
