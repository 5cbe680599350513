"""Questions about scenes, with their answers: the tasks of the zoo.

Everyday tasks read the picture (existence, attribute, place, position, count, easy-vqa's own questions,
digits); fact tasks (`facts.py`) need knowledge besides. `ask` writes one question of one task about a
scene, or None where the scene does not allow it.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from proving_ground.facts import FACT_TASKS, KNOWLEDGE, QUESTIONS, Facts
from proving_ground.scenes import CELLS, EASY_VQA_SHAPES, Scene, cell_name
from proving_ground.vocabulary import COLOURS, NUMBERS, SHAPES

EVERYDAY_TASKS = ("existence", "attribute", "place", "position", "count")
REAL_TASKS = ("easy-vqa", "digit")
TASKS = (*EVERYDAY_TASKS, *REAL_TASKS, *FACT_TASKS)


@dataclass(frozen=True)
class Turn:
    """A question and its answer."""

    task: str
    question: str
    answer: str


def ask(task: str, scene: Scene, *, rng: random.Random, facts: Facts) -> Turn | None:
    """Write one question of `task` about `scene`; None where the scene has no such question."""
    if task in KNOWLEDGE:
        thing = scene.things[0]
        return Turn(task, QUESTIONS[task], facts.answer(task, thing.colour, thing.shape))
    asked = _WRITERS[task](scene, rng)
    return None if asked is None else Turn(task, *asked)


def _existence(scene: Scene, rng: random.Random) -> tuple[str, str]:
    there = {(thing.colour, thing.shape) for thing in scene.things}
    seen = rng.choice(scene.things)
    colour, shape = seen.colour, seen.shape
    if rng.random() < 0.5:
        while (colour, shape) in there:  # the absent one often shares its colour or shape with a present one
            colour = rng.choice(COLOURS) if rng.random() < 0.7 else colour
            shape = rng.choice(SHAPES) if rng.random() < 0.7 else shape
    return f"is there a {colour} {shape} ?", "yes" if (colour, shape) in there else "no"


def _attribute(scene: Scene, rng: random.Random) -> tuple[str, str] | None:
    shapes = Counter(thing.shape for thing in scene.things)
    colours = Counter(thing.colour for thing in scene.things)
    options = [(f"what color is the {t.shape} ?", t.colour) for t in scene.things if shapes[t.shape] == 1]
    options += [(f"what shape is {t.colour} ?", t.shape) for t in scene.things if colours[t.colour] == 1]
    return rng.choice(options) if options else None


def _place(scene: Scene, rng: random.Random) -> tuple[str, str]:
    """Ask what is in a cell; one time in five it is an empty one."""
    by_cell = {thing.cell: f"{thing.colour} {thing.shape}" for thing in scene.things}
    taken = sorted(by_cell)
    free = [cell for cell in range(CELLS) if cell not in by_cell]
    cell = rng.choice(free) if rng.random() < 0.2 else rng.choice(taken)
    return f"what is in the {' '.join(cell_name(cell))} ?", by_cell.get(cell, "empty")


def _position(scene: Scene, rng: random.Random) -> tuple[str, str] | None:
    kinds = Counter((thing.colour, thing.shape) for thing in scene.things)
    single = [thing for thing in scene.things if kinds[thing.colour, thing.shape] == 1]
    if not single:
        return None
    thing = rng.choice(single)
    return f"where is the {thing.colour} {thing.shape} ?", " ".join(cell_name(thing.cell))


def _count(scene: Scene, rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.5:
        return "how many shapes are there ?", NUMBERS[len(scene.things)]
    colour = rng.choice(scene.things).colour
    number = sum(thing.colour == colour for thing in scene.things)
    return f"how many {colour} shapes are there ?", NUMBERS[number]


def _digit(scene: Scene, rng: random.Random) -> tuple[str, str]:
    if rng.random() < 0.75:
        return "which digit is this ?", NUMBERS[scene.digit]
    parity = rng.choice(("even", "odd"))
    return f"is this digit {parity} ?", "yes" if (scene.digit % 2 == 0) == (parity == "even") else "no"


_EASY_PRESENT = (
    "is there a {} ?",
    "is a {} present ?",
    "does the image contain a {} ?",
    "is there a {} in the image ?",
)
_EASY_ABSENT = (
    "is there not a {} ?",
    "is no {} present ?",
    "does the image not contain a {} ?",
    "is there not a {} in the image ?",
)
_EASY_COLOUR = ("what color is the {} ?", "what is the color of the {} ?")
_EASY_SHAPE = (
    "what shape is in the image ?",
    "what shape does the image contain ?",
    "what shape is present ?",
)


def _easy_vqa(scene: Scene, rng: random.Random) -> tuple[str, str]:
    """Ask in easy-vqa's own words, in its own proportions (three of four are yes or no)."""
    thing = scene.things[0]
    kind = rng.random()
    if kind < 0.13:
        return rng.choice(_EASY_COLOUR).format(rng.choice(("shape", thing.shape))), thing.colour
    if kind < 0.26:
        return rng.choice((*_EASY_SHAPE, f"what is the {thing.colour} shape ?")), thing.shape
    if rng.random() < 0.7:
        named = thing.colour if rng.random() < 0.5 else rng.choice(COLOURS)
        noun, right = f"{named} shape", named == thing.colour
    else:
        noun = thing.shape if rng.random() < 0.5 else rng.choice(EASY_VQA_SHAPES)
        right = noun == thing.shape
    if rng.random() < 0.5:
        return rng.choice(_EASY_PRESENT).format(noun), "yes" if right else "no"
    return rng.choice(_EASY_ABSENT).format(noun), "no" if right else "yes"


_WRITERS: dict[str, Callable[[Scene, random.Random], tuple[str, str] | None]] = {
    "existence": _existence,
    "attribute": _attribute,
    "place": _place,
    "position": _position,
    "count": _count,
    "digit": _digit,
    "easy-vqa": _easy_vqa,
}
