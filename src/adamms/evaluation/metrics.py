"""How right one answer is, from 0 to 1, in the benchmarks' own definitions.

| name     | definition |
|---|---|
| exact    | equal to a true answer, both normalised as VQA does |
| contains | holds a true answer, case aside: OCRBench (Liu et al. 2024) |
| vqa      | soft accuracy over ten annotators (Antol et al. 2015): VQAv2, OK-VQA, TextVQA, VizWiz |
| anls     | normalised Levenshtein similarity, 0 below one half: ST-VQA (Biten et al. 2019), DocVQA |
| choice   | the chosen letter, found as in MMMU (Yue et al. 2024) but never guessed |
| yes-no   | yes or no at the beginning of the answer: MME (Fu et al. 2023) as lmms-eval parses it |
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from adamms.errors import EvaluationError, no_such
from adamms.evaluation.labels import LETTERS, Label

Metric = Callable[[str, Label], float]

ANNOTATORS = 3
"""So many who agree make an answer fully right (VQA)."""

LEAST_SIMILAR = 0.5
"""ANLS calls anything less alike wrong."""


def exact(response: str, label: Label) -> float:
    """1 where the normalised response is one of the normalised answers."""
    given = normalised(response)
    return float(any(given == normalised(answer) for answer in label.answers))


def contains(response: str, label: Label) -> float:
    """1 where one of the answers stands somewhere in the response."""
    given = _plain(response)
    true = [_plain(answer) for answer in label.answers]
    # The empty text stands in every text.
    return float(any(answer in given if answer else answer == given for answer in true))


def vqa(response: str, label: Label) -> float:
    """The mean over annotators of min(1, agreeing others / 3); a single answer is everybody's.

    Raises:
        EvaluationError: with two or three answers nothing could be fully right.
    """
    answers = [normalised(answer) for answer in label.answers]
    given = normalised(response)
    if len(answers) == 1:
        return float(given == answers[0])
    if len(answers) <= ANNOTATORS:
        raise EvaluationError(
            f"VQA's soft accuracy needs one true answer or at least {ANNOTATORS + 1} (ten, as a rule), not "
            f"{len(answers)}; choose --metric exact."
        )
    agreeing = answers.count(given)
    shares = [min(1.0, (agreeing - (answer == given)) / ANNOTATORS) for answer in answers]
    return sum(shares) / len(shares)


def anls(response: str, label: Label) -> float:
    """The similarity to the most similar answer, 1 - distance / longer length; below one half it is 0."""
    return max(_similarity(_spaced(response), _spaced(answer)) for answer in label.answers)


def yes_no(response: str, label: Label) -> float:
    """1 where the response begins with the true yes or no."""
    true = [_yes_or_no(answer) for answer in label.answers]
    if None in true:
        raise EvaluationError(
            f"The true answer {label.answers[true.index(None)][:40]!r} is neither yes nor no, and "
            "--metric yes-no knows nothing else."
        )
    return float(_yes_or_no(response) in true)


def choice(response: str, label: Label) -> float:
    """1 where the response names the right option, by its letter or by its text."""
    letters = LETTERS[: len(label.choices)] or LETTERS
    right = [_letter_of(answer, label) for answer in label.answers]
    return float(chosen_letter(response, letters, choices=label.choices) in right)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {"exact": exact, "contains": contains, "vqa": vqa, "anls": anls, "choice": choice, "yes-no": yes_no}
)


def metric_named(name: str) -> Metric:
    """The metric of this name.

    Raises:
        EvaluationError: there is none.
    """
    if name not in METRICS:
        raise EvaluationError(no_such("metric", name, METRICS))
    return METRICS[name]


def chosen_letter(response: str, letters: str, *, choices: tuple[str, ...] = ()) -> str | None:
    """The option that a response names, None where it names none.

    In this order: the letter alone; a letter that begins the response (`B.`, `B)`, `B:`); the last letter in
    brackets; the last that stands alone; the option whose text is the response, or is the only one in it.

    Args:
        response: what was answered.
        letters: the options' letters.
        choices: the options' texts, where they are known.
    """
    word = response.strip().strip(",.!?;:'\"")
    if len(word) == 1 and word.upper() in letters:
        return word.upper()
    if first := re.match(rf"\s*([{letters}])\s*[.):]", response):
        return first.group(1)
    if bracketed := re.findall(rf"\(([{letters}])\)", response):
        return str(bracketed[-1])
    # The article of "A dog" is no option A.
    if alone := re.findall(rf"(?<![\w'])([{letters}])(?![\w'])(?!\s[a-z])", response):
        return str(alone[-1])
    spelled = [normalised(text) for text in choices]
    text = normalised(response)
    same = [index for index, option in enumerate(spelled) if option == text]
    within = [index for index, option in enumerate(spelled) if option and f" {option} " in f" {text} "]
    options = same or within
    return letters[options[0]] if len(options) == 1 else None


def _letter_of(answer: str, label: Label) -> str:
    if len(answer.strip()) == 1 and answer.strip().upper() in LETTERS:
        return answer.strip().upper()
    spelled = [normalised(text) for text in label.choices]
    if normalised(answer) in spelled:
        return LETTERS[spelled.index(normalised(answer))]
    raise EvaluationError(
        f'The true answer {answer[:40]!r} is neither a letter nor one of the line\'s "choices"; '
        "--metric choice needs one of them."
    )


def _yes_or_no(text: str) -> str | None:
    text = text.lower().strip().replace(".", "")
    if text in ("y", "n"):
        return "yes" if text == "y" else "no"
    return next((word for word in ("yes", "no") if word in text[:4]), None)


def _plain(text: str) -> str:
    return text.lower().strip().replace("\n", " ")


def _spaced(text: str) -> str:
    return " ".join(text.lower().split())


def _similarity(one: str, two: str) -> float:
    longer = max(len(one), len(two))
    alike = 1.0 if longer == 0 else 1 - _distance(one, two) / longer
    return alike if alike >= LEAST_SIMILAR else 0.0


def _distance(one: str, two: str) -> int:
    """Levenshtein's: insertions, deletions and replacements, one row of the table at a time."""
    row = list(range(len(two) + 1))
    for count, sign in enumerate(one, start=1):
        corner, row[0] = row[0], count
        for index, other in enumerate(two, start=1):
            corner, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, corner + (sign != other))
    return row[-1]


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
