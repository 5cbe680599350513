"""What the paper derives from several tables and from a score along alpha: Table 9, Table 14's last line.

Decimal arithmetic as in `score_table.py`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from adamms.errors import EvaluationError
from adamms.evaluation.score_table import (
    Number,
    Score,
    ScoreRow,
    ScoreTable,
    as_decimal,
    marked,
    total,
)


def summed_gains(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Every method's gains added up over several pairs of models (Table 9).

    Args:
        tables: of the same tasks. The paper adds up gains that are already rounded; here nothing is.

    Returns:
        A table whose scores are sums of gains, without parents, of the methods that every table has.

    Raises:
        EvaluationError: there are no tables, their tasks differ, or they have no method in common.
    """
    if not tables:
        raise EvaluationError("There are no tables to add up.")
    tasks = tables[0].tasks
    for table in tables:
        if table.tasks != tasks:
            raise EvaluationError(
                f"The tables have different tasks ({', '.join(tasks)} and {', '.join(table.tasks)}); their "
                "gains do not add up."
            )
    columns: dict[str, tuple[Score, ...]] = {}
    for name in dict.fromkeys(row.name for row in tables[0].methods):
        gains = [row.gains for table in tables for row in table.methods if row.name == name]
        if len(gains) == len(tables):
            columns[name] = tuple(total(column) for column in zip(*gains, strict=True))
    if not columns:
        raise EvaluationError("The tables have no method in common.")
    marks = marked(columns)
    nothing = (None,) * len(tasks)
    rows = [
        ScoreRow(
            name,
            "method",
            values[:-1],
            nothing,
            values[-1],
            None,
            sum(bool(mark) for mark in marks[name]),
            marks[name],
        )
        for name, values in columns.items()
    ]
    return ScoreTable(None, None, tasks, tuple(rows))


def distance_from_best(curve: Mapping[float, Number], selected: float) -> Decimal:
    """How far a chosen alpha is from the nearest one that scores best (Table 14), in units of alpha.

    Args:
        curve: alpha -> score, of the candidates that could have been chosen.
        selected: the alpha that was.

    Raises:
        EvaluationError: there is no candidate, or a score is no finite number.
    """
    scores = {alpha: as_decimal(score, f"alpha {alpha:g}", "the task") for alpha, score in curve.items()}
    known = {alpha: score for alpha, score in scores.items() if score is not None}
    if not known:
        raise EvaluationError("There are no scores along alpha.")
    best = max(known.values())
    return min(
        abs(Decimal(str(alpha)) - Decimal(str(selected))) for alpha, score in known.items() if score == best
    )
