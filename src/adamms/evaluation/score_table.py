"""Scores in, the paper's comparison out: gains over the parents' mean, SUM, its gain, and Top2 (Tables 1-2).

Arithmetic is decimal: a score is the number that was written, not the nearest binary one, so 75.645 lies
halfway between two printed values and stays there. Nothing is rounded here but noise far below any printed
digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any, Literal

from adamms.errors import EvaluationError

Number = Decimal | float | int
Score = Decimal | None
"""None where the score is missing."""

Mark = Literal["best", "second", "above", ""]
"""How a cell is set: the best and the second best of the methods, or a parent above every method."""

NOISE = Decimal("1e-10")
LARGEST = Decimal(10) ** 9
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Scores:
    """What is compared: one score a task for each row; the parents are two of the rows."""

    base: str
    donor: str
    tasks: tuple[str, ...]
    rows: Mapping[str, tuple[Score, ...]]


@dataclass(frozen=True)
class ScoreRow:
    """One row of the table, in the scores' own unit (the paper's is percent)."""

    name: str
    role: Literal["base", "donor", "method"]
    scores: tuple[Score, ...]
    gain: tuple[Score, ...]
    """Over the mean of the two parents; None for a parent and where one of the three scores is missing."""
    sum: Score
    """None where a score is missing: a sum over fewer tasks compares with nothing."""
    sum_gain: Score
    top2: int | None
    """None for a parent."""
    marks: tuple[Mark, ...]
    """One a task, and one for SUM."""

    @property
    def columns(self) -> tuple[Score, ...]:
        """The scores, and their sum."""
        return (*self.scores, self.sum)

    @property
    def gains(self) -> tuple[Score, ...]:
        """The gains, and that of the sum."""
        return (*self.gain, self.sum_gain)

    def to_json(self) -> dict[str, Any]:
        """The row as `adamms table --json` prints it, unrounded."""
        return {
            "scores": [_plain(score) for score in self.scores],
            "gain": [_plain(gain) for gain in self.gain],
            "sum": _plain(self.sum),
            "sum_gain": _plain(self.sum_gain),
            "top2": self.top2,
        }


@dataclass(frozen=True)
class ScoreTable:
    """The whole table, its rows in the order of the scores."""

    base: str | None
    """None, as the donor, where several pairs are added up."""
    donor: str | None
    tasks: tuple[str, ...]
    rows: tuple[ScoreRow, ...]

    @property
    def parents(self) -> tuple[ScoreRow, ...]:
        """The base and the donor, in this order."""
        return tuple(sorted((row for row in self.rows if row.role != "method"), key=lambda row: row.role))

    @property
    def methods(self) -> tuple[ScoreRow, ...]:
        """What is ranked."""
        return tuple(row for row in self.rows if row.role == "method")

    def to_json(self) -> dict[str, Any]:
        """What `adamms table --json` prints."""
        return {
            "base": self.base,
            "donor": self.donor,
            "tasks": list(self.tasks),
            "rows": {row.name: row.to_json() for row in self.rows},
        }


def make_scores(
    base: str, donor: str, tasks: Sequence[str], rows: Mapping[str, Sequence[Number | None]]
) -> Scores:
    """Check scores and take them as decimal numbers.

    Args:
        base: the row of the base.
        donor: the row of the donor.
        tasks: the columns.
        rows: name -> a score a task; None where it is missing.

    Raises:
        EvaluationError: a row too short or too long, a parent without a row, a name used twice, a score
            that is no finite number.
    """
    for name in tasks:
        if name.casefold() in ("sum", "top2"):
            raise EvaluationError(
                f'"{name}" is worked out from the scores and cannot be a task; leave it out.'
            )
    twice = [name for name, after in pairwise(sorted(tasks)) if name == after]
    if twice:
        raise EvaluationError(f'The task "{twice[0]}" is there twice.')
    if not tasks:
        raise EvaluationError("There are no tasks to compare on.")
    for role, parent in (("base", base), ("donor", donor)):
        if parent not in rows:
            known = ", ".join(rows) or "none"
            raise EvaluationError(f'The {role} "{parent}" has no row of scores; the rows are: {known}.')
    if base == donor:
        raise EvaluationError(f'"{base}" is named as the base and as the donor; they are two models.')
    for name, scores in rows.items():
        if len(scores) != len(tasks):
            raise EvaluationError(f'The row "{name}" has {len(scores)} scores for {len(tasks)} tasks.')
    return Scores(
        base,
        donor,
        tuple(tasks),
        {
            name: tuple(as_decimal(score, name, task) for score, task in zip(scores, tasks, strict=True))
            for name, scores in rows.items()
        },
    )


def score_table(scores: Scores) -> ScoreTable:
    """Derive the paper's columns.

    Top2 counts the tasks, and SUM, in which a method's value is one of the two highest distinct values among
    the methods; the parents are not ranked.
    """
    columns = {name: (*values, total(values)) for name, values in scores.rows.items()}
    parents = (scores.base, scores.donor)
    mean = [_mean(one, two) for one, two in zip(*(columns[parent] for parent in parents), strict=True)]
    marks = marked(columns, parents=parents)
    rows = []
    for name, values in columns.items():
        is_parent = name in parents
        gain = tuple(
            None if is_parent or value is None or middle is None else value - middle
            for value, middle in zip(values, mean, strict=True)
        )
        rows.append(
            ScoreRow(
                name,
                "base" if name == scores.base else "donor" if name == scores.donor else "method",
                values[:-1],
                gain[:-1],
                values[-1],
                gain[-1],
                None if is_parent else sum(bool(mark) for mark in marks[name]),
                marks[name],
            )
        )
    return ScoreTable(scores.base, scores.donor, scores.tasks, tuple(rows))


def marked(
    columns: Mapping[str, Sequence[Score]], *, parents: Sequence[str] = ()
) -> dict[str, tuple[Mark, ...]]:
    """How every cell is set, column by column; only rows that are no parents are ranked."""
    methods = [name for name in columns if name not in parents]
    width = max(map(len, columns.values()), default=0)
    highest = [
        sorted(dict.fromkeys(value for name in methods if (value := columns[name][index]) is not None))[-2:]
        for index in range(width)
    ]
    return {
        name: tuple(
            _mark(value, top, is_parent=name in parents) for value, top in zip(values, highest, strict=True)
        )
        for name, values in columns.items()
    }


def round_score(score: Decimal) -> Decimal:
    """A score as it is printed: two decimals, a half away from zero."""
    return score.quantize(CENT, ROUND_HALF_UP)


def round_gain(gain: Decimal) -> Decimal:
    """A gain as it is printed: two decimals, a half downwards.

    Where scores have two decimals this is the score less the parents' mean as it is printed, which is how
    most of the paper's gains come about (Table 14 prints that mean).
    """
    return gain.quantize(CENT, ROUND_HALF_DOWN if gain > 0 else ROUND_HALF_UP)


def as_decimal(score: Any, name: str, task: str) -> Score:
    """A score as the decimal number that was written; None stays None.

    Raises:
        EvaluationError: it is no finite number.
    """
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, Decimal | float | int):
        raise EvaluationError(f'The score of "{name}" on {task} must be a number, not {str(score)[:40]!r}.')
    # By way of the shortest spelling: 0.1 is meant, not the 0.1000000000000000055 that is stored.
    value = score if isinstance(score, Decimal) else Decimal(str(score))
    if not value.is_finite() or abs(value) > LARGEST:
        raise EvaluationError(
            f'The score of "{name}" on {task} must be a finite number, not {str(score)[:40]}.'
        )
    return value.quantize(NOISE)


def total(values: Sequence[Score]) -> Score:
    """The sum, None where a value is missing."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _mean(one: Score, two: Score) -> Score:
    return None if one is None or two is None else (one + two) / 2


def _mark(value: Score, highest: Sequence[Decimal], *, is_parent: bool) -> Mark:
    if value is None or not highest:
        return ""
    if is_parent:
        return "above" if value > highest[-1] else ""
    if value == highest[-1]:
        return "best"
    return "second" if value in highest else ""


def _plain(value: Score) -> float | None:
    return None if value is None else float(value)
