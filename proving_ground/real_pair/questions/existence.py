"""Existence, in pairs as MME asks: about every picture a question to be answered yes and one no."""

import random

from proving_ground.real_pair.pictures.concepts import TOPICS, with_article
from proving_ground.real_pair.pictures.halves import cut, digit_halves
from proving_ground.real_pair.pictures.lettering import WORDS
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.question import Question, World

ENDING = " Answer yes or no."
EASY_COLOURS = ("black", "gray", "red", "green", "blue", "teal", "brown", "yellow")
EASY_SHAPES = ("circle", "rectangle", "triangle")


def existence(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Write pairs of questions; the thing that is not there is of the same kind and half."""
    facts, half = picture.facts, picture.half
    if picture.kind == "emoji":
        others = world.names(facts["category"], half)
        pairs = [(TOPICS[facts["category"]], "Is there {} in the picture?", facts["name"], others)]
    elif picture.kind == "flag" and half:
        pairs = [("flags", "Is this the flag of {}?", facts["name"], world.country_names(half))]
    elif picture.kind == "digit":
        digits = [digit for digit, its in digit_halves().items() if its == half]
        pairs = [("digits", "Is the digit {} written in the picture?", facts["name"], digits)]
    elif picture.kind == "word":
        words = [word for word, its in cut(list(WORDS), kind="word").items() if its == half]
        pairs = [("words", 'Is the word "{}" written in the picture?', facts["name"], words)]
    elif picture.kind == "easy":
        pairs = [
            ("shapes", "Is there {} in the picture?", facts["shape"], list(EASY_SHAPES)),
            ("shapes", "Is the shape in the picture {}?", facts["colour"], list(EASY_COLOURS)),
        ]
    elif picture.kind == "pair":
        shown = facts["names"]
        others = [name for name in world.all_names(half) if name not in shown]
        pairs = [("two things", "Is there {} in the picture?", rng.choice(shown), others)]
    else:
        return []
    questions = []
    for topic, text, there, others in pairs:
        if not there:
            continue
        absent = rng.choice([name for name in others if name != there])
        for name, answer in ((there, "yes"), (absent, "no")):
            prompt = text.format(with_article(name) if text.startswith("Is there") else name) + ENDING
            questions.append(Question("existence", topic, half, picture, prompt, (answer,)))
    return questions
