"""Descriptions of 20 to 60 words, composed from what is known of a picture, in a plain and a wordy style.

They are scored by the facts they name (`facts_named.py`); consistency between answers is for the embedding
metric, since no two descriptions of this length are equal.
"""

import random

from proving_ground.real_pair.pictures.concepts import thing, with_article
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.question import Question, World

PROMPT = "Describe the picture."
TOPICS = {
    "emoji": "things",
    "flag": "flags",
    "digit": "digits",
    "word": "words",
    "pair": "two things",
    "shapes": "shapes",
    "chart": "charts",
}
PLACES = {
    "centre": "in the middle of the picture",
    "left": "on the left side of the picture",
    "right": "on the right side of the picture",
    "top": "at the top of the picture",
    "bottom": "at the bottom of the picture",
}
SPELLINGS = {"centre": ("middle", "centre", "center"), "gray": ("gray", "grey"), "textured": ("texture",)}
COUNTED = {2: "two", 3: "three", 4: "four"}

Facts = tuple[tuple[str, ...], ...]


def describe(picture: Picture, rng: random.Random, world: World) -> list[Question]:
    """Describe a picture in both styles; questions that are not trained on accept either."""
    writers = {
        "emoji": _thing,
        "flag": _flag,
        "digit": _digit,
        "word": _word,
        "pair": _pair,
        "shapes": _shapes,
        "chart": _chart,
    }
    if picture.kind not in writers or (picture.kind == "flag" and not picture.half):
        return []
    plain, wordy, facts = writers[picture.kind](picture, world)
    topic = TOPICS[picture.kind]
    styles: list[tuple[str, tuple[str, ...]]] = [("plain", (plain,)), ("wordy", (wordy,))]
    if picture.split != "train":
        styles = [("plain", (plain, wordy))]
    return [
        Question("describe", topic, picture.half, picture, PROMPT, answers, style=style, facts=facts)
        for style, answers in styles
    ]


def _fact(word: str) -> tuple[str, ...]:
    return SPELLINGS.get(word, (word,))


def _behind(picture: Picture) -> str:
    background = picture.facts["background"]
    return "a photograph or texture" if background == "textured" else f"plain {background}"


def _placed(picture: Picture) -> tuple[str, str, Facts]:
    """Say how large the thing is and where; and the facts in that."""
    facts = picture.facts
    size = "large" if facts["size"] >= 0.75 else "small"
    named = (_fact(size), _fact(facts["place"]), _fact(facts["background"]))
    return size, PLACES[facts["place"]], named


def _thing(picture: Picture, world: World) -> tuple[str, str, Facts]:
    item, behind = thing(picture.concept), _behind(picture)
    size, where, facts = _placed(picture)
    name = item.name
    group = item.facts["class" if item.category == "animal" else "group"][0]
    kind = {"animal": f"an animal, of the class {group}", "food": f"food, of the kind {group}"}.get(
        item.category, f"an object, of the kind {group}"
    )
    plain = (
        f"The picture shows {with_article(name)}. It is {size} and {where}. The background is {behind}. "
        f"What is shown is {kind}."
    )
    wordy = (
        f"What can be seen here is a colourful drawing of {with_article(name)}, which looks "
        f"rather {size} and has been "
        f"placed {where}, in front of a background that is {behind}; it may be added that what is shown is "
        f"{kind}."
    )
    return plain, wordy, ((name,), *facts, (group,))


def _flag(picture: Picture, world: World) -> tuple[str, str, Facts]:
    country, behind = world.countries[picture.concept], _behind(picture)
    size, where, facts = _placed(picture)
    continent = country.continent[0]
    plain = (
        f"The picture shows the flag of {country.name}. It is {size} and {where}. The background "
        f"is {behind}. "
        f"{country.name} is a country in {continent}."
    )
    wordy = (
        f"What can be seen here is a national flag, namely the flag of {country.name}, which "
        f"looks rather {size} "
        f"and has been placed {where}, in front of a background that is {behind}; it may be added that "
        f"{country.name} is a country that lies in {continent}."
    )
    return plain, wordy, ((country.name,), *facts, country.continent)


def _digit(picture: Picture, world: World) -> tuple[str, str, Facts]:
    digit = picture.concept
    ink, paper = ("white", "black") if picture.facts["dark"] else ("black", "white")
    parity = "even" if int(digit) % 2 == 0 else "odd"
    plain = (
        f"The picture shows the digit {digit}. It is written by hand in {ink} on a {paper} background. "
        f"It is an {parity} number. There is nothing else in the picture."
    )
    wordy = (
        f"What can be seen here is a single digit, namely a {digit}, which somebody has written "
        f"by hand in {ink} "
        f"ink, and which stands before a background that is {paper}; it may be added that this "
        f"is an {parity} "
        "number, and that there is nothing else to be seen."
    )
    return plain, wordy, ((digit,), (f"in {ink}",), (parity,))


def _word(picture: Picture, world: World) -> tuple[str, str, Facts]:
    word, ink = picture.concept, picture.facts["ink"]
    count = str(len(word))
    plain = (
        f'The picture shows the word "{word}". It is written in large {ink} letters over a photograph or '
        f"texture. The word has {count} letters. There is nothing else in the picture."
    )
    wordy = (
        f'What can be seen here is some writing, namely the word "{word}", which has been printed in rather '
        f"large letters that are {ink}, in front of a photograph or texture; it may be added "
        f"that the word has "
        f"{count} letters, and that there is nothing else to be seen."
    )
    return plain, wordy, ((word,), (ink,), (count,))


def _pair(picture: Picture, world: World) -> tuple[str, str, Facts]:
    first, second = picture.facts["names"]
    here, there = _sides(picture)
    bigger = first if picture.facts["sizes"][0] > picture.facts["sizes"][1] else second
    behind = picture.facts["background"]
    plain = (
        f"The picture shows two things, {with_article(first)} and {with_article(second)}. The "
        f"{first} is {here} and the "
        f"{second} is {there}. The {bigger} is bigger. The background is plain {behind}."
    )
    wordy = (
        f"What can be seen here are two different things, namely {with_article(first)}, which "
        f"has been placed {here}, and "
        f"{with_article(second)}, which has been placed {there}; of the two it is the {bigger} "
        f"that looks bigger, and the "
        f"background that they stand before is plain {behind}."
    )
    facts = (
        (first,),
        (second,),
        (f"{first} is {here}", f"{first}, which has been placed {here}"),
        _fact(behind),
    )
    return plain, wordy, facts


def _sides(picture: Picture) -> tuple[str, str]:
    horizontal = picture.facts["arranged"] == "horizontal"
    return ("on the left", "on the right") if horizontal else ("at the top", "at the bottom")


def _shapes(picture: Picture, world: World) -> tuple[str, str, Facts]:
    (colour, shape, radius), (other_colour, other_shape, other_radius) = picture.facts["things"]
    here, there = _sides(picture)
    bigger = shape if radius > other_radius else other_shape
    plain = (
        f"The picture shows two shapes, a {colour} {shape} and a {other_colour} {other_shape}. "
        f"The {shape} is "
        f"{here} and the {other_shape} is {there}. The {bigger} is bigger."
    )
    wordy = (
        f"What can be seen here are two different shapes, namely a {colour} {shape}, which has "
        f"been placed {here}, and a "
        f"{other_colour} {other_shape}, which has been placed {there}; of the two it is the "
        f"{bigger} that looks "
        "bigger, and there is nothing else to be seen."
    )
    return (
        plain,
        wordy,
        (
            (f"{colour} {shape}",),
            (f"{other_colour} {other_shape}",),
            (f"{shape} is {here}", f"{shape}, which has been placed {here}"),
        ),
    )


def _chart(picture: Picture, world: World) -> tuple[str, str, Facts]:
    bars = picture.facts["bars"]
    colours = [colour for colour, _ in bars]
    listed = f"{', '.join(colours[:-1])} and {colours[-1]}"
    by_height = sorted(bars, key=lambda bar: bar[1])
    lowest, highest = by_height[0][0], by_height[-1][0]
    count = COUNTED[len(bars)]
    plain = (
        f"The picture shows a bar chart with {count} bars. From left to right the bars are "
        f"{listed}. The {highest} bar "
        f"is the highest and the {lowest} bar is the lowest."
    )
    wordy = (
        f"What can be seen here is a chart, namely a bar chart that has {count} bars, which are, "
        f"if one goes from "
        f"left to right, {listed}; of these it is the {highest} bar that is the highest, whereas "
        f"the {lowest} bar is "
        "the lowest, and there is nothing else to be seen."
    )
    highest_fact = (f"{highest} bar is the highest", f"{highest} bar that is the highest")
    return plain, wordy, ((f"{count} bars",), (listed,), highest_fact, (f"{lowest} bar is the lowest",))
