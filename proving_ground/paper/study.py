"""The kept answers as every experiment reads them: what is right, what a rule chooses, on which draw.

A cell is one task of one pair. Questions are ordered by id, as an `AnswerTable` orders them. Labels are read
by `right` and by nothing that chooses, but where an experiment is about choosing with labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.recipes.options import SearchOptions
from adamms.responses.parent_answers import DonorAnswers
from adamms.responses.responses import Response
from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import MIN_GAIN_SE, subsets, wins
from adamms.searching.metrics import Metric, make_metric
from adamms.searching.signals import find_signal
from adamms.zoo import PAIRS
from proving_ground.paper.answers import Answers, Archive, Asked
from proving_ground.paper.plan import COARSE, SEARCHED, Plan, grid, linear

Right = NDArray[np.bool_]
Rows = NDArray[np.int64]
MODELS = "models"
PAPER_RULE = "sum"


@dataclass(frozen=True)
class Rule:
    """A label-free choice: a signal's name, and whether the base is left only for a sure gain."""

    signal: str = PAPER_RULE
    gated: bool = False

    @property
    def title(self) -> str:
        """What `adamms search` calls it."""
        return f"--rule {self.signal}{' --gated' if self.gated else ''}"


def default_rule() -> Rule:
    """Return what `adamms search` does when it is not told."""
    fields = SearchOptions.model_fields
    return Rule(find_signal(fields["rule"].default).name, bool(fields["gated"].default))


class Study:
    """A run's answers, by pair and task."""

    def __init__(self, archive: Archive, plan: Plan) -> None:
        self.plan, self._archive = plan, archive
        self._read = cache(archive.read)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        numbered = sorted(enumerate(self._archive.questions), key=lambda entry: entry[1].id)
        return {task: [place for place, asked in numbered if asked.task == task] for task in self.plan.tasks}

    def titles(self, pair: str) -> tuple[str, str]:
        """Base and donor as people call them."""
        model_family, base, donor = PAIRS[pair]
        return model_family.titles[base], model_family.titles[donor]

    def asked(self, task: str) -> list[Asked]:
        """The questions of a task."""
        return [self._archive.questions[place] for place in self._places[task]]

    def said(self, pair: str, name: str, task: str) -> list[str]:
        """What a merge said."""
        answers = self._read(pair, name).said
        return [answers[place] for place in self._places[task]]

    def right(self, pair: str, name: str, task: str) -> Right:
        """Which of a merge's answers are right."""
        truths = [question.truth for question in self.asked(task)]
        return np.array([a == b for a, b in zip(self.said(pair, name, task), truths, strict=True)])

    def right_alone(self, model: str, task: str) -> Right:
        """Which answers of a model alone are right."""
        return self.right(MODELS, model, task)

    def right_at(self, pair: str, alphas: Sequence[float], task: str) -> Right:
        """Right answers of linear merges, (alphas, questions)."""
        return np.array([self.right(pair, linear(alpha).name, task) for alpha in alphas])

    def table(self, pair: str, alphas: Sequence[float], task: str, *, embedded: bool = False) -> AnswerTable:
        """The answers of linear merges as the search's rules read them."""
        key = (pair, tuple(alphas), task)
        tables = self._tables(*key)
        return replace(tables, measure=self._meaning) if embedded else tables

    @cached_property
    def _tables(self) -> Any:
        @cache
        def made(pair: str, alphas: tuple[float, ...], task: str) -> AnswerTable:
            own = self._responses(MODELS, PAIRS[pair][2], task, 1.0)
            return AnswerTable.of(
                {alpha: self._responses(pair, linear(alpha).name, task, alpha) for alpha in alphas},
                donors=(DonorAnswers(own),),
            )

        return made

    def _responses(self, pair: str, name: str, task: str, alpha: float) -> dict[str, Response]:
        answers: Answers = self._read(pair, name)
        return {
            asked.id: Response(
                asked.id,
                alpha,
                answers.said[place],
                confidence=answers.confidence[place],
                entropy=answers.entropy[place],
            )
            for asked, place in zip(self.asked(task), self._places[task], strict=True)
        }

    @cached_property
    def _meaning(self) -> Metric:
        """The embedding metric, made once for all answers of the run."""
        texts = [
            text
            for pair in self.plan.pairs
            for alpha in candidates()
            for text in self._read(pair, linear(alpha).name).said
        ]
        return make_metric("embedding", sorted(dict.fromkeys(texts)))

    def draws(self, task: str, *, size: int | None = None) -> Rows:
        """Which questions are drawn to choose by, (draws, samples); the first draw is the tables' own."""
        count = len(self._places[task])
        wanted = self.plan.samples if size is None else size
        return subsets(count, size=min(wanted, count), count=self.plan.draws, seed=self.plan.seed)


def candidates() -> tuple[float, ...]:
    """The paper's candidates, alpha 0 ... 0.6."""
    return grid(COARSE, SEARCHED)


def choose(table: AnswerTable, columns: Rows, rule: Rule) -> Rows:
    """Return the row that a rule takes on each draw; the base's where every candidate has collapsed."""
    values = find_signal(rule.signal).values(table)
    base = table.base if table.base is not None and not np.isnan(values[table.base]).any() else None
    min_gain_se = MIN_GAIN_SE if rule.gated and base is not None else None
    rows = wins(values, columns, allowed=table.sound, base=base, min_gain_se=min_gain_se)
    return np.maximum(rows, 0)


def left(right: Right, columns: Rows) -> NDArray[np.float64]:
    """Return accuracy on the questions that a draw leaves, (draws, candidates); NaN where it leaves none."""
    count = right.shape[1] - columns.shape[1]
    if not count:
        return np.full((len(columns), len(right)), np.nan)
    drawn = right[:, columns].sum(axis=2).T
    shares: NDArray[np.float64] = (right.sum(axis=1) - drawn) / count
    return shares


def percent(right: Right) -> float:
    """Accuracy in percent, with the two decimals of a table."""
    return round(100 * float(right.mean()), 2)


def paired(one: Sequence[Right], two: Sequence[Right]) -> tuple[float, float]:
    """Return the difference of two SUMs (points), task by task, and its paired standard error."""
    gain, variance = 0.0, 0.0
    for a, b in zip(one, two, strict=True):
        difference = a.astype(float) - b.astype(float)
        gain += float(difference.mean())
        variance += float(difference.var(ddof=1)) / len(difference)
    return round(100 * gain, 2), round(100 * variance**0.5, 2)
