"""The same answers in sentences, for a parent that is taught to answer so, and the short form behind them.

What the scoring rules make of a sentence: `yes-no`, `choice` and `contains` take it as they take the short
answer; `exact` (relation, knowledge, naming, unanswerable) scores it 0, as the benchmarks do. That is what a
difference of style costs. `short_form` undoes it where style is to be set aside.
"""

import re

from proving_ground.real_pair.pictures.concepts import with_article
from proving_ground.real_pair.questions.question import Question

FRAMES = {
    "capital": "The capital is {}.",
    "continent": "The country is in {}.",
    "language": "The language is {}.",
    "currency": "The currency is the {}.",
    "class": "It belongs to the class {}.",
    "legs": "The number of legs is {}.",
    "eats": "It eats {}.",
    "lives": "It lives here: {}.",
    "group": "It is food of the kind {}.",
    "origin": "It comes from this: {}.",
    "flags": "It is the flag of {}.",
    "kinds": "The kind of thing is {}.",
    "word": "The word is {}.",
    "number": "The number is {}.",
    "digit": "The digit is {}.",
    "unanswerable": "The question is {}.",
    "other": "The answer is {}.",
}
"""Sentences by topic, or by task."""


def wordy(question: Question) -> str:
    """Say a short answer in a sentence; a description as its wordy style says it."""
    answer, topic = question.answers[0], question.topic.removesuffix(".new")
    if question.task == "describe":
        return question.answers[-1]
    if question.task == "existence":
        return "Yes, that is so." if answer == "yes" else "No, that is not so."
    if question.task == "choice":
        text = question.choices["ABCD".index(answer)]
        return f"The answer is {answer}, {text}."
    if question.task == "naming" and topic in ("animals", "food", "objects", "shapes"):
        return f"It is {with_article(answer)}."
    if answer == "unanswerable":
        return FRAMES["unanswerable"].format(answer)
    if answer in ("yes", "no"):
        return f"{answer.capitalize()}, that is {'' if answer == 'yes' else 'not '}so."
    return FRAMES.get(topic, FRAMES["other"]).format(answer)


_FRAME_PATTERNS = tuple(
    re.compile(re.escape(frame).replace(r"\{\}", "(.+?)").removesuffix(r"\.") + r"\.?$", re.IGNORECASE)
    for frame in (*FRAMES.values(), "It is a {}.", "It is an {}.", "It is the {}.", "It is {}.")
)


def short_form(response: str) -> str:
    """Take the answer out of a sentence; a response in no known frame stays as it is."""
    text = response.strip()
    if match := re.match(r"(yes|no), that is", text, re.IGNORECASE):
        return match.group(1).lower()
    if match := re.match(r"The answer is ([A-D]),", text):
        return match.group(1)
    for pattern in _FRAME_PATTERNS:
        if match := pattern.match(text):
            return match.group(1)
    return text
