"""How good one candidate's answers look by themselves, for candidates that stand on no line of alphas.

A point of a walk (`walk.py`) has no neighbours to be consistent with. Rules that score a candidate by its own
answers judge it as they judge any; votes ask whether it agrees with the answers that won among the
candidates of the search, which stay as they are. Knows no models and no coordinates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adamms.responses.responses import Response, Responses
from adamms.searching.answer_table import AnswerTable
from adamms.searching.signals import find_signal
from adamms.searching.signals.weighted_vote import POWER
from adamms.searching.walk import Scored

VOTES = ("plurality", "weighted-vote")
RULES_ALONE = ("confidence", "confident-share", "sure-enough", "first-token-entropy", *VOTES, "labels")
"""The rules that can judge a candidate without neighbours."""


@dataclass(frozen=True)
class Judge:
    """A rule, and what it holds a candidate against."""

    rule: str
    base: Mapping[str, Response]
    """The base's answers, by which collapse is judged."""
    fold_case: bool = False
    winners: tuple[str, ...] | None = None
    """For votes the winning answer to each input, in the order of the ids."""

    @classmethod
    def of(
        cls,
        rule: str,
        responses: Responses,
        *,
        fold_case: bool = False,
        base: Mapping[str, Response] | None = None,
    ) -> "Judge":
        """The judge that a search's candidates make; the smallest alpha is the base unless it is given.

        Raises:
            SearchError: a candidate lacks answers, or the answers lack what the rule needs.
        """
        base = responses[min(responses)] if base is None else base
        if rule not in VOTES:
            return cls(rule, base, fold_case)
        table = AnswerTable.of(responses, fold_case=fold_case, base=base)
        # Asked for its refusal alone: votes by confidence need it of every candidate.
        find_signal(rule).values(table)
        weights = np.ones(table.codes.shape) if table.confidence is None else table.confidence**POWER
        rows = table.plurality if rule == "plurality" else table.vote(weights)
        winners = tuple(table.texts[row][column] for column, row in enumerate(rows))
        return cls(rule, base, fold_case, winners)

    def score(self, answers: Mapping[str, Response], *, labels: Mapping[str, float] | None = None) -> Scored:
        """A candidate's numbers, inputs ordered by id, and whether it has collapsed.

        Args:
            answers: to the same inputs that the search's candidates answered.
            labels: input id -> how right the answer is, for the rule `labels`.
        """
        table = AnswerTable.of(
            {0.0: answers},
            fold_case=self.fold_case,
            base=self.base,
            labels=None if labels is None else {0.0: labels},
        )
        if self.winners is None:
            values = find_signal(self.rule).values(table)[0]
        else:
            own = zip(table.texts[0], self.winners, strict=True)
            values = np.array([float(text == winner) for text, winner in own])
        return Scored(values, table.collapsed[0])
