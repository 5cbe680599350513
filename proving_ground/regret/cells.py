"""A cell of the study: one task of one pair and seed, as a signal sees it, and what is right beside it.

The signal sees the answers of the candidates alpha 0 ... 0.6, the donor's own answers, and probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adamms.responses.parent_answers import DonorAnswers
from adamms.responses.responses import Response
from adamms.searching.answer_table import AnswerTable
from proving_ground.many.records import CANDIDATES, Asked, Header, Interview


@dataclass(frozen=True)
class Cell:
    """One task of one pair and seed; arrays are (candidates, questions), questions ordered by id."""

    header: Header
    task: str
    table: AnswerTable
    right: NDArray[np.bool_]
    far: dict[float, float]
    """Accuracy at the alphas beyond the candidates, 0 ... 1."""
    donor: float
    """Accuracy of the donor with its own tower."""

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
    responses = {
        alpha: {question.id: _response(question, place, alpha) for question in asked}
        for place, alpha in enumerate(alphas[:CANDIDATES])
    }
    donor = {
        question.id: Response(
            question.id, 1.0, question.said[question.alone], confidence=question.confidence[-1]
        )
        for question in asked
    }
    table = AnswerTable.of(responses, donors=(DonorAnswers(donor),))
    right = np.array([[question.right(place) for question in asked] for place in range(len(alphas))])
    return Cell(
        header=header,
        task=task,
        table=table,
        right=right[:CANDIDATES],
        far={alpha: float(right[place].mean()) for place, alpha in enumerate(alphas) if place >= CANDIDATES},
        donor=sum(question.donor_right() for question in asked) / len(asked),
    )


def _response(asked: Asked, place: int, alpha: float) -> Response:
    return Response(
        asked.id,
        alpha,
        asked.said[asked.given[place]],
        confidence=asked.confidence[place],
        entropy=asked.entropy[place],
    )
