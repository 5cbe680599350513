"""The parents as witnesses of a choice: what the base and the donors answer by themselves, and how surely.

The base is alpha 0, or answered by itself where no candidate is it; the donors answered once, in their own
architecture. Theta_0's opinion of their answers stands beside, where it was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.responses.parent_answers import DonorAnswers, Opinion
from adamms.responses.responses import Response
from adamms.searching.metrics import same_answer

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Parents:
    """The base first, then the donors; arrays are (parents, inputs)."""

    texts: tuple[tuple[str, ...], ...]
    """Their answers as they are compared."""
    confidence: Table
    """Mean probability of an answer's tokens, the end included."""
    stand_in: bool = False
    """Whether alpha 1 in the base's body stands for the donor."""
    opinion: Table | None = None
    """Theta_0's log-probabilities of the answers; NaN for an input that it was not asked about."""


def leaders(parents: Parents) -> NDArray[np.int64]:
    """The place of the first parent that says what a parent says, (parents, inputs)."""
    count, inputs = len(parents.texts), len(parents.texts[0])
    leader = np.zeros((count, inputs), dtype=int)
    for column in range(inputs):
        for row in range(count):
            leader[row, column] = next(
                other
                for other in range(row + 1)
                if other == row
                or (
                    leader[other, column] == other
                    and same_answer(parents.texts[row][column], parents.texts[other][column])
                )
            )
    return leader


def parents_of(
    ids: Sequence[str],
    base: Mapping[str, Response] | None,
    donors: Sequence[DonorAnswers],
    opinions: Mapping[str, Opinion] | None,
    texts: Mapping[int, tuple[str, ...]],
) -> tuple[Parents | None, str]:
    """The parents' answers to these inputs, or None and the reason, as a sentence.

    Args:
        ids: the inputs, in order.
        base: the base's answers.
        donors: the donors' own.
        opinions: theta_0's of all their answers.
        texts: parent's place (0 the base) -> its answers as they are compared, where it has them all.
    """
    if base is None:
        return None, "the base's own answers are not known: alpha 0 is not among the candidates."
    if not donors:
        return None, "the donor's own answers are not there (`adamms select --donor-answers FILE`)."
    roles = ["base", *(_donor_name(number, len(donors)) for number in range(1, len(donors) + 1))]
    everyone = [base, *(donor.answers for donor in donors)]
    for role, answers in zip(roles, everyone, strict=True):
        missing = [id_ for id_ in ids if id_ not in answers]
        if missing:
            return None, f'the {role} did not answer {len(missing)} of {len(ids)} inputs ("{missing[0]}").'
        unsure = sum(answers[id_].confidence is None for id_ in ids)
        if unsure:
            return None, (
                f"the {role}'s answers carry no confidence (token probabilities) on {unsure} of {len(ids)} "
                "inputs."
            )
    confidence = np.array([[answers[id_].confidence for id_ in ids] for answers in everyone], dtype=float)
    parents = Parents(
        texts=tuple(texts[place] for place in range(len(everyone))),
        confidence=confidence,
        stand_in=any(donor.stand_in for donor in donors),
        opinion=_opinion(ids, opinions, donors=len(donors)),
    )
    return parents, ""


def _opinion(ids: Sequence[str], opinions: Mapping[str, Opinion] | None, *, donors: int) -> Table | None:
    """Theta_0's; NaN where it was not asked, as it need not be where all parents answer alike."""
    if not opinions:
        return None
    unknown = (np.nan,) * (1 + donors)
    rows = [(opinions[id_].base, *opinions[id_].donors) if id_ in opinions else unknown for id_ in ids]
    return np.array(rows, dtype=float).T if all(len(row) == 1 + donors for row in rows) else None


def _donor_name(number: int, donors: int) -> str:
    return "donor" if donors == 1 else f"donor {number}"
