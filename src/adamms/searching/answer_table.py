"""All candidates' answers to the same inputs, as one table that every signal reads.

Rows are candidates, ascending (alphas, or the values of another setting that is searched); columns are
inputs, ordered by id, so that nothing depends on the order of a file. What a source does not say (confidence,
the donor's answers, ...) is None, and what single answers lack is NaN. Judges nothing; which candidates have
collapsed is written beside the rows (`collapse.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA, BY_ALPHA, SearchAxis
from adamms.responses.parent_answers import DonorAnswers, Opinion
from adamms.responses.responses import Response, Responses
from adamms.searching.collapse import base_note, disqualification
from adamms.searching.metrics import Metric, make_metric
from adamms.searching.parents import Parents, parents_of

Table = NDArray[np.float64]


@dataclass(frozen=True)
class AnswerTable:
    """What is known of the answers; every array has the shape (candidates, inputs)."""

    alphas: tuple[float, ...]
    ids: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    """The answers as they are compared."""
    codes: NDArray[np.int64]
    """Equal numbers within a column are equal answers."""
    measure: Metric
    """The distance of two lists of answers."""
    ends: str | None = None
    """Whether consistency scores the ends of the grid: `interior`, `all`, None as the rule's source does."""
    collapsed: tuple[str | None, ...] = ()
    """For each candidate why it is disqualified, or None."""
    notes: tuple[str, ...] = ()
    confidence: Table | None = None
    """Mean probability of an answer's greedy tokens."""
    entropy: Table | None = None
    """Of the first token's distribution, in nats."""
    parents: Parents | None = None
    """What the parents answer by themselves, and how surely."""
    no_parents: str = ""
    """Why the parents' answers are not known, as a sentence, where they are not."""
    labels: Table | None = None
    """How right each answer is, from 0 to 1; only where a supervised choice was asked for."""
    axis: SearchAxis = BY_ALPHA
    """What the candidates differ in."""

    @classmethod
    def of(
        cls,
        responses: Responses,
        *,
        metric: str = "exact",
        embedding_model: str | None = None,
        fold_case: bool = False,
        strip: bool = True,
        ends: str | None = None,
        donors: Sequence[DonorAnswers] = (),
        opinions: Mapping[str, Opinion] | None = None,
        labels: Mapping[float, Mapping[str, float]] | None = None,
        setting: str = ALPHA,
        base: Mapping[str, Response] | None = None,
    ) -> "AnswerTable":
        """The table of all responses.

        Args:
            responses: alpha -> input id -> answer; all candidates must have answered the same inputs.
            metric: how the distance of two answers is measured (`make_metric`).
            embedding_model: for the metric `embedding`.
            fold_case: compare in lower case.
            strip: leave outer white space out of the comparison.
            ends: which ends of the grid consistency scores.
            donors: the donors' own answers; when left out, alpha 1 stands for the donor where it is there.
            opinions: theta_0's of the parents' answers by input id.
            labels: alpha -> input id -> how right the answer is, from 0 to 1.
            setting: what the candidates differ in; no value of another setting than alpha is the base.
            base: the base's own answers where no candidate is the base; collapse is judged by them, and by
                the smallest value's when left out.

        Raises:
            SearchError: there are no answers, or a candidate lacks some.
        """
        alphas = tuple(sorted(responses))
        ids = common_ids(responses, setting=setting)

        def comparables(answers: Sequence[Response]) -> tuple[str, ...]:
            return tuple(comparable(answer, fold_case=fold_case, strip=strip) for answer in answers)

        ordered = [[responses[alpha][id_] for id_ in ids] for alpha in alphas]
        texts = tuple(comparables(answers) for answers in ordered)
        axis = SearchAxis(setting, base_apart=base is not None)
        # The yardstick of the collapse guard; the smallest alpha's where the base's own are not given.
        yardstick = ordered[0] if base is None else [_of_base(base, id_) for id_ in ids]
        home = base if base is not None else responses.get(0.0) if axis.has_base else None
        if not donors and setting == ALPHA and 1.0 in responses:
            donors = (DonorAnswers(responses[1.0], stand_in=True),)
        everyone = [home, *(donor.answers for donor in donors)]
        parents, no_parents = parents_of(
            ids,
            home,
            donors,
            opinions,
            {
                place: comparables([answers[id_] for id_ in ids])
                for place, answers in enumerate(everyone)
                if answers is not None and all(id_ in answers for id_ in ids)
            },
        )
        note = base_note(yardstick)
        return cls(
            alphas=alphas,
            ids=tuple(ids),
            texts=texts,
            codes=_codes(texts),
            measure=make_metric(
                metric, [text for row in texts for text in row], embedding_model=embedding_model
            ),
            ends=ends,
            collapsed=tuple(disqualification(answers, yardstick) for answers in ordered),
            notes=(note,) if note else (),
            confidence=_known([[answer.confidence for answer in answers] for answers in ordered]),
            entropy=_known([[answer.entropy for answer in answers] for answers in ordered]),
            parents=parents,
            no_parents=no_parents,
            labels=_given(labels, alphas, ids),
            axis=axis,
        )

    @property
    def base(self) -> int | None:
        """The row of alpha 0 where it is the base itself."""
        return 0 if self.axis.has_base and self.alphas[0] == 0 else None

    @property
    def sound(self) -> NDArray[np.bool_]:
        """The candidates that have not collapsed."""
        if not self.collapsed:
            return np.ones(len(self.alphas), dtype=bool)
        return np.array([reason is None for reason in self.collapsed])

    @cached_property
    def gaps(self) -> Table:
        """The distances of neighbouring candidates, (candidates - 1, inputs)."""
        distances = [self.measure(left, right) for left, right in pairwise(self.texts)]
        return np.array(distances, dtype=float).reshape(len(self.alphas) - 1, len(self.ids))

    def vote(self, weights: Table) -> NDArray[np.int64]:
        """For each input the row whose answer has most votes; of a tie the smallest alpha's.

        Args:
            weights: each candidate's votes for its own answer, as in `votes`.
        """
        return self.votes(weights).argmax(axis=0)

    def votes(self, weights: Table) -> Table:
        """How many votes each candidate's answer has, its own among them.

        Args:
            weights: each candidate's votes for its own answer, not negative; NaN is none. Candidates that
                have collapsed do not vote.
        """
        weights = np.where(np.isnan(weights) | ~self.sound[:, None], 0.0, weights)
        votes = np.zeros(self.codes.shape)
        for codes, given in zip(self.codes, weights, strict=True):
            votes += np.where(self.codes == codes, given, 0.0)
        return votes

    def agreement(self, rows: NDArray[np.int64]) -> Table:
        """1 where a candidate gives the same answer as the candidate chosen for that input."""
        return (self.codes == self.codes[rows, np.arange(len(self.ids))]).astype(float)


def comparable(response: Response, *, fold_case: bool, strip: bool = True) -> str:
    """The text of an answer as it is compared."""
    text = response.response.strip() if strip else response.response
    return text.lower() if fold_case else text


def common_ids(responses: Responses, *, setting: str = ALPHA) -> list[str]:
    """The inputs, which every candidate must have answered, in the order of their ids.

    Raises:
        SearchError: there are none, or a candidate lacks some.
    """
    ids = list(dict.fromkeys(id_ for answered in responses.values() for id_ in answered))
    if not ids:
        raise SearchError("There are no answers to choose from.")
    lacking = {alpha: [id_ for id_ in ids if id_ not in responses[alpha]] for alpha in sorted(responses)}
    gaps = [
        f'{setting} {alpha:g} lacks {len(missing)} of {len(ids)} (the first: "{missing[0]}")'
        for alpha, missing in lacking.items()
        if missing
    ]
    if gaps:
        raise SearchError(
            f"The candidates did not answer the same inputs: {'; '.join(gaps)}. "
            "Complete the search with --resume, repeat one in which candidates only read with --exhaustive, "
            "or leave that candidate out."
        )
    return sorted(ids)


def _of_base(answers: Mapping[str, Response], id_: str) -> Response:
    if id_ not in answers:
        raise SearchError(f'The base\'s answers lack the input "{id_}", which the candidates answered.')
    return answers[id_]


def _codes(texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([[numbers.setdefault(text, len(numbers)) for text in row] for row in texts])


def _given(
    numbers: Mapping[float, Mapping[str, float]] | None, alphas: Sequence[float], ids: Sequence[str]
) -> Table | None:
    if numbers is None:
        return None
    return _known([[numbers.get(alpha, {}).get(id_) for id_ in ids] for alpha in alphas])


def _known(rows: Sequence[Sequence[float | None]]) -> Table | None:
    """Numbers with NaN for those that are not known; None where none is."""
    table = np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=float)
    return None if np.isnan(table).all() else table
