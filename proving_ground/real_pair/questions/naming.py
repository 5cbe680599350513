"""Naming: what is in the picture, in a word or two."""

import random

from proving_ground.real_pair.pictures.concepts import TOPICS
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.kinds import kind_of
from proving_ground.real_pair.questions.question import Question, World

OTHER_NAMES = {
    "rooster": ("chicken", "cock"),
    "mouse": ("rat",),
    "ladybug": ("ladybird", "lady beetle"),
    "squirrel": ("chipmunk",),
    "orange": ("tangerine", "mandarin"),
    "chili": ("hot pepper", "chili pepper", "pepper"),
    "fries": ("french fries", "chips"),
    "doughnut": ("donut",),
    "hamburger": ("burger",),
    "soda": ("cup with straw", "drink"),
    "bicycle": ("bike",),
    "airplane": ("plane",),
    "telephone": ("phone",),
    "television": ("tv",),
    "laptop": ("computer",),
    "clock": ("alarm clock",),
    "hat": ("top hat",),
    "shirt": ("t-shirt",),
    "whale": ("blue whale",),
    "bee": ("honeybee",),
    "rhinoceros": ("rhino",),
    "hippopotamus": ("hippo",),
    "peanuts": ("peanut",),
    "cherries": ("cherry",),
    "grapes": ("grape",),
    "United States": ("USA", "America", "United States of America"),
    "United Kingdom": ("UK", "Britain", "Great Britain"),
    "Netherlands": ("Holland",),
    "Czechia": ("Czech Republic",),
    "South Korea": ("Korea",),
    "Turkey": ("Türkiye",),
}
"""What else a thing may be called."""


def accepted(name: str) -> tuple[str, ...]:
    """A thing's name and its other names."""
    return (name, *OTHER_NAMES.get(name, ()))


def naming(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Ask for the name of what is shown, and for its kind."""
    facts, half = picture.facts, picture.half
    questions = []
    if picture.kind == "emoji":
        topic, prompt = TOPICS[facts["category"]], "What is in the picture?"
        questions.append(Question("naming", topic, half, picture, prompt, accepted(facts["name"])))
    if picture.kind == "flag" and half:
        prompt = "Which country has this flag?"
        questions.append(Question("naming", "flags", half, picture, prompt, accepted(facts["name"])))
    if picture.kind == "easy" and facts["shape"]:
        prompt = "What shape is in the picture?"
        questions.append(Question("naming", "shapes", half, picture, prompt, (facts["shape"],)))
    if kind := kind_of(picture):
        prompt = "What kind of thing is in the picture?"
        questions.append(Question("naming", "kinds", half, picture, prompt, (kind,)))
    return questions
