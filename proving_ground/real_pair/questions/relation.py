"""Composed relations as GQA asks them: where, which is bigger, what colour is the thing left of .."""

import random

from proving_ground.real_pair.pictures.easy import easy_questions
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.naming import accepted
from proving_ground.real_pair.questions.question import Question, World

SIDES = {"horizontal": ("to the left of", "to the right of"), "vertical": ("above", "below")}
SIDE_WORDS = {"horizontal": ("left", "right"), "vertical": ("above", "below")}
WHERE = {
    "horizontal": "Is the {} to the left or to the right of the {}? Answer left or right.",
    "vertical": "Is the {} above or below the {}? Answer above or below.",
}


def relation(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Write questions about two things, about easy-vqa's shape or about the bars of a chart."""
    writers = {"pair": _pair, "shapes": _shapes, "chart": _chart, "easy": _easy}
    return writers[picture.kind](picture, rng) if picture.kind in writers else []


def _ask(picture: Picture, topic: str, prompt: str, answers: tuple[str, ...]) -> Question:
    return Question("relation", topic, picture.half, picture, prompt, answers)


def _pair(picture: Picture, rng: random.Random) -> list[Question]:
    facts = picture.facts
    arranged, names = facts["arranged"], facts["names"]
    asked = rng.randrange(2)
    name, other = names[asked], names[1 - asked]
    bigger = names[0] if facts["sizes"][0] > facts["sizes"][1] else names[1]
    # `other` stands first (left, above) where the asked thing is the second.
    side = SIDES[arranged][0 if asked == 1 else 1]
    where = WHERE[arranged].format(name, other)
    which = f"Which is bigger, the {name} or the {other}?"
    return [
        _ask(picture, "place", where, (SIDE_WORDS[arranged][asked],)),
        _ask(picture, "size", which, accepted(bigger)),
        _ask(picture, "beside", f"What is {side} the {name}?", accepted(other)),
    ]


def _shapes(picture: Picture, rng: random.Random) -> list[Question]:
    facts = picture.facts
    arranged = facts["arranged"]
    asked = rng.randrange(2)
    (colour, shape, radius), (other_colour, other_shape, other_radius) = (
        facts["things"][asked],
        facts["things"][1 - asked],
    )
    side = SIDES[arranged][0 if asked == 1 else 1]
    bigger = shape if radius > other_radius else other_shape
    return [
        _ask(picture, "colour", f"What colour is the {shape}?", (colour,)),
        _ask(picture, "shape", f"Which shape is {other_colour}?", (other_shape,)),
        _ask(picture, "colour beside", f"What colour is the shape {side} the {shape}?", (other_colour,)),
        _ask(picture, "shape size", f"Which is bigger, the {shape} or the {other_shape}?", (bigger,)),
        _ask(
            picture, "shape place", WHERE[arranged].format(shape, other_shape), (SIDE_WORDS[arranged][asked],)
        ),
    ]


def _chart(picture: Picture, rng: random.Random) -> list[Question]:
    bars = picture.facts["bars"]
    by_height = sorted(bars, key=lambda bar: bar[1])
    return [
        _ask(picture, "chart", "What colour is the highest bar?", (by_height[-1][0],)),
        _ask(picture, "chart", "What colour is the lowest bar?", (by_height[0][0],)),
        _ask(picture, "chart", "What colour is the first bar from the left?", (bars[0][0],)),
        _ask(picture, "chart", "What colour is the last bar, on the right?", (bars[-1][0],)),
    ]


def _easy(picture: Picture, rng: random.Random) -> list[Question]:
    """easy-vqa's own words: every open question, and so many of those with yes or no."""
    asked = easy_questions(picture.facts["train"])[picture.facts["number"]]
    open_ones = [(question, answer) for question, answer in asked if answer not in ("yes", "no")]
    closed = [(question, answer) for question, answer in asked if answer in ("yes", "no")]
    kept = [*open_ones, *rng.sample(closed, min(len(closed), len(open_ones)))]
    return [_ask(picture, "easy", question, (answer,)) for question, answer in kept]
