"""Knowledge that no picture shows: a flag's capital, what an animal eats, where a food comes from.

Some (thing, property) pairs are never asked about a training picture: their topic ends in `.new`, and only a
language model that knows the fact, or reads it in a training line without a picture, can answer.
"""

import random
from collections.abc import Iterator, Mapping

from proving_ground.real_pair.pictures.concepts import CATEGORIES, Thing, named, thing, with_article
from proving_ground.real_pair.pictures.countries import Country
from proving_ground.real_pair.pictures.halves import emoji_halves, flag_halves
from proving_ground.real_pair.pictures.picture import Picture, seeded
from proving_ground.real_pair.questions.question import Question, World

NEW_SHARE = 0.4
"""So many of a property's pairs are never asked about a training picture."""

THIS = {
    "flag": "the country with this flag",
    "animal": "the animal in the picture",
    "food": "the food in the picture",
}

TEXTS: Mapping[str, str] = {
    "capital": "What is the capital of {}?",
    "continent": "On which continent is {}?",
    "language": "Which language is spoken in {}?",
    "currency": "What is the currency of {}?",
    "class": "What class of animal is {}: mammal, bird, reptile, fish, insect or another?",
    "legs": "How many legs does {} have?",
    "eats": "What does {} eat?",
    "lives": "Where does {} live?",
    "group": "What kind of food is {}?",
    "origin": "What does {} come from?",
}
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "animal": ("class", "legs", "eats", "lives"),
    "food": ("group", "origin"),
    "object": (),
}
COLUMNS = {"origin": "comes_from"}


def is_new(concept: str, topic: str) -> bool:
    """Whether no training picture of this thing is asked for this property."""
    return seeded("new", topic, concept).random() < NEW_SHARE


def knowledge(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Ask all that is known of what is shown; of training pictures only what is not new."""
    if picture.kind == "flag" and picture.half:
        known = country_facts(world.countries[picture.concept])
        subject = THIS["flag"]
    elif picture.kind == "emoji":
        known = thing_facts(thing(picture.concept))
        subject = THIS.get(str(picture.facts["category"]), "")
    else:
        return []
    questions = []
    for topic, answers in known.items():
        new = is_new(picture.concept, topic)
        if not (new and picture.split == "train"):
            name = f"{topic}.new" if new else topic
            prompt = TEXTS[topic].format(subject)
            questions.append(Question("knowledge", name, picture.half, picture, prompt, answers))
    return questions


def without_pictures(world: World) -> Iterator[Question]:
    """The same facts asked by name, for training: of all countries, animals and foods."""
    for country in world.countries.values():
        half = flag_halves().get(country.code, 0)
        for topic, answers in country_facts(country).items():
            yield Question("knowledge", topic, half, None, TEXTS[topic].format(country.name), answers)
    for category in CATEGORIES:
        for item in named(category):
            half = emoji_halves()[item.code]
            for topic, answers in thing_facts(item).items():
                prompt = TEXTS[topic].format(with_article(item.name))
                yield Question("knowledge", topic, half, None, prompt, answers)


def country_facts(country: Country) -> dict[str, tuple[str, ...]]:
    """What is asked of a country."""
    facts = {
        "capital": country.capital,
        "continent": country.continent,
        "language": country.language,
        "currency": country.currency,
    }
    return {topic: answers for topic, answers in facts.items() if answers}


def thing_facts(item: Thing) -> dict[str, tuple[str, ...]]:
    """What is asked of an animal or a food."""
    return {topic: item.facts[COLUMNS.get(topic, topic)] for topic in PROPERTIES[item.category]}
