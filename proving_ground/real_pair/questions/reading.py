"""Reading: a word, a number or a handwritten digit; and how many bars a chart has."""

import random

from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.question import Question, World

PROMPTS = {
    "word": "What word is written in the picture?",
    "number": "What number is written in the picture?",
    "digit": "Which digit is written in the picture?",
}


def reading(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Ask for what is written."""
    if picture.kind == "chart":
        count = (str(len(picture.facts["bars"])),)
        prompt = "How many bars are in the chart? Answer with a number."
        return [Question("reading", "chart", picture.half, picture, prompt, count)]
    if picture.kind not in PROMPTS:
        return []
    answer = (picture.facts["name"],)
    return [Question("reading", picture.kind, picture.half, picture, PROMPTS[picture.kind], answer)]
