"""What a signal is: how good each candidate's answers look, input by input, without a label.

A signal gives one number a candidate and input; its score of a candidate is their mean, and higher is better.
Because it looks at one input at a time, subsets, noise and repeats are taken from the same numbers. It says
what it needs beyond answers and what it costs. Which candidate is taken is another file's (`choosing.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adamms.errors import SearchError
from adamms.searching.answer_table import AnswerTable
from adamms.searching.consistency import too_few

Cost = Literal["answers", "log-probabilities", "the parents' answers", "labels"]

COSTS: dict[str, str] = {
    "answers": "the answers alone",
    "log-probabilities": "token probabilities, which generation hands over for nothing",
    "the parents' answers": "the donor's own answers, asked once, with token probabilities",
    "labels": "true answers",
}

Need = Literal["neighbours", "confidence", "entropy", "parents", "labels"]

Reads = Literal["itself", "neighbours", "all"]
"""Whose answers a candidate's numbers are made of; what reads only itself can score the base beside them."""


@dataclass(frozen=True)
class Signal:
    """A signal as its file declares it.

    Attributes:
        function: the answers -> numbers of the shape (candidates, inputs), higher is better; a row of NaN is
            a candidate that it does not score.
        summary: one line for people.
        formula: the score of candidate i, in symbols.
        cost: what it reads, beyond which it costs nothing.
        needs: what a source of answers may lack.
        scores_base: whether alpha 0, "do not merge", can win: always, never, or only with `--ends all`.
        reads: whose answers a candidate's numbers depend on, beside its own.
        of_base: the numbers, (inputs,), of a base that answered by itself, where reading it alone does not
            give them.
        distrust: why a choice by it is not to be believed even where it tells candidates apart, as a
            sentence, or None; a signal without such a function was not measured, and is not believed.
        remarks: what a reader of such a choice must know, a sentence each.
        place: where it stands in tables; signals of one place by their names.
    """

    function: Callable[[AnswerTable], NDArray[np.float64]]
    summary: str
    formula: str = ""
    cost: Cost = "answers"
    needs: tuple[Need, ...] = ()
    scores_base: Literal["yes", "no", "with ends"] = "yes"
    reads: Reads = "itself"
    of_base: Callable[[AnswerTable], NDArray[np.float64]] | None = None
    distrust: Callable[[AnswerTable], str | None] | None = None
    remarks: Callable[[AnswerTable], tuple[str, ...]] | None = None
    place: int = 100

    @property
    def name(self) -> str:
        """The name it goes by: its function's."""
        return self.function.__name__.rstrip("_").replace("_", "-")

    def lacks(self, table: AnswerTable) -> str | None:
        """Why it cannot be computed from these answers, as a sentence, or None."""
        return next((reason for need in self.needs if (reason := _lacks(need, table)) is not None), None)

    def values(self, table: AnswerTable) -> NDArray[np.float64]:
        """Its numbers, (candidates, inputs); a candidate with a number missing is not scored.

        Raises:
            SearchError: the answers lack what it needs.
        """
        lacking = self.lacks(table)
        if lacking is not None:
            raise SearchError(f"The rule {self.name} cannot choose from these answers: {lacking}")
        values = np.array(self.function(table), dtype=float)
        values[np.isnan(values).any(axis=1)] = np.nan
        return values

    def scores(self, table: AnswerTable) -> NDArray[np.float64]:
        """One number a candidate, NaN where it is not scored.

        Raises:
            SearchError: the answers lack what it needs.
        """
        return self.values(table).mean(axis=1)

    def to_json(self) -> dict[str, Any]:
        """The signal in plain data."""
        return {
            "name": self.name,
            "summary": self.summary,
            "formula": self.formula,
            "cost": self.cost,
            "scores_base": self.scores_base,
        }


def _lacks(need: Need, table: AnswerTable) -> str | None:
    if need == "neighbours" and len(table.alphas) < 3:
        return too_few(table.alphas)
    if need == "confidence" and table.confidence is None:
        return "they carry no confidence (token probabilities), which `adamms search` writes beside each."
    if need == "entropy" and table.entropy is None:
        return "they carry no entropy of the first token, which `adamms search` writes beside each."
    if need == "parents" and table.parents is None:
        return table.no_parents
    if need == "labels" and table.labels is None:
        return "it needs the true answers: `adamms search --labels`, or `adamms select --labels`."
    return None
