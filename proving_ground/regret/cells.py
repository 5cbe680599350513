"""A cell of the study: one task of one pair and seed, as a rule sees it, and what is right beside it.

A rule sees the answers of the candidates alpha 0 ... 0.6, the donor's own answers and theta_0's opinion of
both parents' (where the files have one), and probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adamms.responses.parent_answers import DonorAnswers, Opinion
from adamms.responses.responses import Response
from adamms.searching.answer_table import AnswerTable
from proving_ground.many.records import CANDIDATES, Asked, Header, Interview

UNREAD = -15.0
"""Stands for a log-probability that the older files lack: of an answer that no candidate gave."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One task of one pair and seed; arrays are (candidates, questions), questions ordered by id.

    Cells compare by identity.
    """

    header: Header
    task: str
    table: AnswerTable
    right: NDArray[np.bool_]
    far: dict[float, float]
    """Accuracy at the alphas beyond the candidates, 0 ... 1."""
    donor: float
    """Accuracy of the donor with its own tower."""
    stand_in: AnswerTable
    """The same answers with alpha 1 in the base's body for the donor."""
    read: NDArray[np.float64]
    """Log-probabilities of the base's and the donor's answers, (candidates, parents, questions)."""

    @property
    def kind(self) -> str:
        """What kind of task this is to the pair."""
        return self.header.kinds[self.task]

    @property
    def name(self) -> str:
        """Pair, seed and task, for people."""
        return f"{self.header.pair}, seed {self.header.seed}, {self.task}"

    @property
    def alphas(self) -> tuple[float, ...]:
        """The candidates."""
        return self.table.alphas

    @cached_property
    def accuracy(self) -> NDArray[np.float64]:
        """Of each candidate on all questions, 0 ... 1."""
        share: NDArray[np.float64] = self.right.mean(axis=1)
        return share


def cells(interview: Interview) -> list[Cell]:
    """Return one cell a task."""
    return [_cell(interview.header, task, asked) for task, asked in interview.tasks().items()]


def _cell(header: Header, task: str, asked: Sequence[Asked]) -> Cell:
    asked = sorted(asked, key=lambda question: question.id)
    alphas = header.alphas
    right = np.array([[question.right(place) for question in asked] for place in range(len(alphas))])
    return Cell(
        header=header,
        task=task,
        table=_table(alphas, asked, [question.alone for question in asked], place=len(alphas)),
        right=right[:CANDIDATES],
        far={alpha: float(right[place].mean()) for place, alpha in enumerate(alphas) if place >= CANDIDATES},
        donor=sum(question.donor_right() for question in asked) / len(asked),
        stand_in=_stand_in(alphas, asked),
        read=np.stack(
            [
                _read(asked, [question.given[0] for question in asked]),
                _read(asked, [question.alone for question in asked]),
            ],
            axis=1,
        ),
    )


def _stand_in(alphas: Sequence[float], asked: Sequence[Asked]) -> AnswerTable:
    place = list(alphas).index(1.0)
    return _table(alphas, asked, [question.given[place] for question in asked], place=place)


def _table(
    alphas: Sequence[float], asked: Sequence[Asked], spoken: Sequence[int], *, place: int
) -> AnswerTable:
    """Return the candidates' answers beside the donor's.

    Args:
        alphas: of the file.
        asked: the questions.
        spoken: which of what was said the donor answers.
        place: where its confidence stands.
    """
    donor = {
        question.id: Response(question.id, 1.0, question.said[said], confidence=question.confidence[place])
        for question, said in zip(asked, spoken, strict=True)
    }
    opinions = {
        question.id: Opinion(
            question.ancestor_likelihood[question.given[0]], (question.ancestor_likelihood[said],)
        )
        for question, said in zip(asked, spoken, strict=True)
        if said < len(question.ancestor_likelihood)
    }
    if len(opinions) < len(asked):  # theta_0 was not asked about everything that was said
        opinions = {}
    return AnswerTable.of(
        {
            alpha: {question.id: _response(question, row, alpha) for question in asked}
            for row, alpha in enumerate(alphas[:CANDIDATES])
        },
        donors=(DonorAnswers(donor, stand_in=place < len(alphas)),),
        opinions=opinions or None,
    )


def _read(asked: Sequence[Asked], said: Sequence[int]) -> NDArray[np.float64]:
    """Return the log-probability of one answer to each question under the candidates."""
    unread = [UNREAD] * CANDIDATES
    return np.array(
        [
            question.likelihood[number] if number < len(question.likelihood) else unread
            for question, number in zip(asked, said, strict=True)
        ]
    ).T


def _response(asked: Asked, place: int, alpha: float) -> Response:
    return Response(
        asked.id,
        alpha,
        asked.said[asked.given[place]],
        confidence=asked.confidence[place],
        entropy=asked.entropy[place],
    )
