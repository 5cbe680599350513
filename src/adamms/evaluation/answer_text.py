"""Answers in the form in which visual question answering compares them.

The normalisation of the VQA evaluation (Antol et al. 2015; Goyal et al. 2017, visualqa.org/evaluation) as
EvalAI, MMF and lmms-eval run it: lower case, no punctuation, no articles, number words as digits, an
apostrophe that a contraction lacks put back.
"""

import re
from functools import cache

ARTICLES = ("a", "an", "the")

NUMBERS = {
    "none": "0",
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}

PUNCTUATION = ';/[]"{}()=+\\_-><@`!'

FULL_STOP = re.compile(r"\.(?!\d)")
"""Not the point of a number."""

CONTRACTIONS = """
    'ow's'at 'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've
    hasn't haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't
    mightn't've must've mustn't needn't not've o'clock oughtn't shan't she'd've should've shouldn't
    shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's
    something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've
    they'll they're they've wasn't we'd've we've weren't what'll what're what's what've when's where'd
    where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't
    wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've
"""
"""Words that stand for two."""


def normalised(answer: str) -> str:
    """An answer as it is compared: `The two dogs.` and `2 dogs` are one answer."""
    text = answer.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = _without_punctuation(text.replace("\n", " ").replace("\t", " "))
    missing = _missing_apostrophes()
    words = [NUMBERS.get(word, word) for word in text.split()]
    return " ".join(missing.get(word, word) for word in words if word not in ARTICLES)


def _without_punctuation(text: str) -> str:
    """A mark that stands beside a space anywhere is dropped; one that joins words becomes a space."""
    out = text
    for mark in PUNCTUATION:
        stands_beside = f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if stands_beside else " ")
    return FULL_STOP.sub("", out)


@cache
def _missing_apostrophes() -> dict[str, str]:
    """Each contraction under its spellings that lack one apostrophe."""
    return {
        word[:place] + word[place + 1 :]: word
        for word in CONTRACTIONS.split()
        for place, sign in enumerate(word)
        if sign == "'"
    }
