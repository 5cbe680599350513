"""Questions that a picture may not answer, as VizWiz has them: half of the answers are `unanswerable`."""

import random

from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.naming import accepted
from proving_ground.real_pair.questions.question import Question, World

UNANSWERABLE = "unanswerable"
ENDING = " If it cannot be seen, answer unanswerable."
TEXTS = {
    "animal": "Which animal is in the picture?",
    "food": "Which food is in the picture?",
    "object": "Which object is in the picture?",
    "flag": "Which country has the flag in the picture?",
    "digit": "Which digit is written in the picture?",
    "word": "Which word is written in the picture?",
}


def unanswerable(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Ask a clear picture for what it shows and for what it does not, a spoiled one for what it showed."""
    facts = picture.facts
    category = facts["category"]
    if picture.kind == "spoiled":
        return [_ask(picture, facts["damage"], category, (UNANSWERABLE,))]
    if picture.kind not in ("emoji", "flag", "digit", "word") or not picture.half:
        return []
    # A flag or a digit is no object, but an animal's picture may well be said to show one.
    absent = rng.choice([text for text in TEXTS if text not in (category, "object")])
    return [
        _ask(picture, "clear", category, accepted(facts["name"])),
        _ask(picture, "absent", absent, (UNANSWERABLE,)),
    ]


def _ask(picture: Picture, topic: str, category: str, answers: tuple[str, ...]) -> Question:
    return Question("unanswerable", topic, picture.half, picture, TEXTS[category] + ENDING, answers)
