"""How right a description is: the share of a picture's facts that it names."""

from collections.abc import Sequence

from adamms.evaluation.metrics import normalised


def facts_named(response: str, facts: Sequence[Sequence[str]]) -> float:
    """Return the share of facts of which one spelling stands in the response, as words, case aside."""
    said = f" {_words(response)} "
    return sum(any(f" {_words(spelling)} " in said for spelling in fact) for fact in facts) / len(facts)


def _words(text: str) -> str:
    return normalised(text.replace(";", " ").replace('"', " ").replace(",", " "))
