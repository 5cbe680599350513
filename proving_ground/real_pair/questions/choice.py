"""Multiple choice by subject, with letters: four options of which one is right."""

import random

from proving_ground.real_pair.pictures.concepts import TOPICS
from proving_ground.real_pair.pictures.halves import cut, digit_halves, flag_halves
from proving_ground.real_pair.pictures.lettering import WORDS
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.existence import EASY_COLOURS
from proving_ground.real_pair.questions.kinds import ASKED_KINDS, kind_of
from proving_ground.real_pair.questions.question import Question, World

LETTERS = "ABCD"
CONTINENTS = ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")


def choice(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Write multiple-choice questions; the wrong options are of the same kind and half."""
    facts, half = picture.facts, picture.half
    asked: list[tuple[str, str, str, list[str]]] = []
    if picture.kind == "emoji":
        names = world.names(facts["category"], half)
        asked.append((TOPICS[facts["category"]], "What is in the picture?", facts["name"], names))
    if kind := kind_of(picture):
        asked.append(("kinds", "What kind of thing is in the picture?", kind, list(ASKED_KINDS)))
    if picture.kind == "flag" and half:
        country = world.countries[picture.concept]
        peers = [world.countries[code] for code, its in sorted(flag_halves().items()) if its == half]
        asked.append(("flags", "Which country has this flag?", country.name, [peer.name for peer in peers]))
        capitals = [peer.capital[0] for peer in peers]
        question = "What is the capital of the country with this flag?"
        asked.append(("geography", question, country.capital[0], capitals))
        question = "On which continent is the country with this flag?"
        asked.append(("geography", question, country.continent[0], list(CONTINENTS)))
    if picture.kind == "digit":
        digits = [digit for digit, its in digit_halves().items() if its == half]
        asked.append(("digits", "Which digit is written?", facts["name"], digits))
    if picture.kind == "word":
        words = [word for word, its in cut(list(WORDS), kind="word").items() if its == half]
        asked.append(("words", "Which word is written?", facts["name"], words))
    if picture.kind == "easy" and facts["colour"]:
        asked.append(("shapes", "What colour is the shape?", facts["colour"], list(EASY_COLOURS)))
    if picture.kind == "chart" and len(facts["bars"]) == 4:
        colours = [colour for colour, _ in facts["bars"]]
        highest = max(facts["bars"], key=lambda bar: bar[1])[0]
        asked.append(("charts", "Which bar is the highest?", highest, colours))
    return [_with_letters(rng, picture, *question) for question in asked]


def _with_letters(
    rng: random.Random, picture: Picture, topic: str, text: str, right: str, options: list[str]
) -> Question:
    wrong = rng.sample([option for option in options if option != right], 3)
    place = rng.randrange(4)
    choices = (*wrong[:place], right, *wrong[place:])
    listed = "".join(f"\n{letter}. {option}" for letter, option in zip(LETTERS, choices, strict=True))
    prompt = f"{text}{listed}\nAnswer with the letter."
    return Question("choice", topic, picture.half, picture, prompt, (LETTERS[place],), choices=choices)
