"""Accuracy where the true answers are known: exact match after trimming and case folding.

For the column beside a search's choice and for the proving ground; the search never sees it. Knows no
benchmark's own scoring.
"""

from collections.abc import Mapping

from adamms.errors import SearchError
from adamms.responses.responses import Response


def score(responses: Mapping[str, Response], answers: Mapping[str, str]) -> float:
    """The share of right answers, from 0 to 1.

    Args:
        responses: input id -> what was answered.
        answers: input id -> the true answer; more than were asked is no fault.

    Raises:
        SearchError: nothing was answered, or an answered input has no true answer.
    """
    if not responses:
        raise SearchError("There are no answers to score.")
    unknown = [id_ for id_ in responses if id_ not in answers]
    if unknown:
        raise SearchError(
            f"{len(unknown)} of {len(responses)} answered inputs have no true answer "
            f'(the first: "{unknown[0]}").'
        )
    return sum(is_right(response.response, answers[id_]) for id_, response in responses.items()) / len(
        responses
    )


def is_right(response: str, answer: str) -> bool:
    """Whether a response is the true answer, white space around it and letter case aside."""
    return response.strip().casefold() == answer.strip().casefold()
