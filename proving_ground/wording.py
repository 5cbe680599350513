"""Answers in another style: the same answer as a sentence, and the short form both styles share.

Some parents of the many pairs are taught to answer "it is red" where others say "red". An answer's short form
is its content words: what of it could be an answer by itself. Knows nothing of models.
"""

from proving_ground.vocabulary import COLOURS, COLUMNS, HOMES, NUMBERS, OWNERS, PRICES, ROWS, SHAPES

_CONTENT = frozenset(
    (*NUMBERS, *COLOURS, *SHAPES, *ROWS, *COLUMNS, *OWNERS, *HOMES, *PRICES, "yes", "no", "empty")
)
_SENTENCES = {
    "position": "in the {}",
    "count": "there are {}",
    "price": "the cost is {}",
    "owner": "{} owns this",
    "home": "it comes from {}",
    "code": "it has {}",
}
_SPECIAL = {"yes": "yes it is", "no": "no it is not", "empty": "it is empty"}

LONGEST_SENTENCE = 8
"""Tokens that a model may answer where a parent answers in sentences; the longest taught one has six."""


def as_sentence(task: str, answer: str) -> str:
    """Write an answer to a question of `task` as a sentence."""
    if answer in _SPECIAL:
        return _SPECIAL[answer]
    if task == "place":
        return f"there is a {answer}"
    return _SENTENCES.get(task, "it is {}").format(answer)


def short_form(text: str) -> str:
    """Return the content words of an answer, in their order; an answer without any stays as it is."""
    content = [word for word in text.split() if word in _CONTENT]
    return " ".join(content) if content else text
