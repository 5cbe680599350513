"""Scores from a file: JSON in the form of the design, or CSV as a spreadsheet writes it.

JSON: `{"base": name, "donor": name, "tasks": [..], "rows": {name: [score per task]}}`, a missing score null.
CSV: a header of the row names' column and the tasks, then a line a row; a missing score is empty or `-`, and
the first two lines are the base and the donor unless they are named. Numbers are taken as they are spelled.
"""

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.local_files import read_text
from adamms.errors import EvaluationError
from adamms.evaluation.score_table import Scores, make_scores

MISSING = ("", "-", "–")

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,9})?", re.ASCII | re.IGNORECASE)


def read_scores(path: str | Path, *, base: str | None = None, donor: str | None = None) -> Scores:
    """Read the scores of a base, a donor and what was made of them.

    Args:
        path: a .csv, a .tsv, or JSON.
        base: the base's row; the file's own `"base"`, or its first line, when left out.
        donor: the donor's row; the file's own `"donor"`, or its second line, when left out.

    Raises:
        EvaluationError: one sentence that says what is wrong with the file.
    """
    path = Path(path)
    text = _text(path)
    is_table = path.suffix.lower() in (".csv", ".tsv")
    try:
        return _from_csv(text, base, donor) if is_table else _from_json(text, base, donor)
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    try:
        return read_text(path, encoding="utf-8-sig")
    except FileNotFoundError:
        raise EvaluationError(f"The scores {path} do not exist.") from None
    except IsADirectoryError:
        raise EvaluationError(f"The scores {path} are a folder; name the file in it.") from None
    except UnicodeDecodeError:
        raise EvaluationError(f"The scores {path} are not a text file (UTF-8).") from None
    except OSError as error:
        raise EvaluationError(f"The scores {path} cannot be read: {error.strerror}.") from None


def _from_json(text: str, base: str | None, donor: str | None) -> Scores:
    try:
        data = parse_json(text.encode(), parse_float=Decimal, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise EvaluationError(
            f"not valid JSON (line {error.lineno}: {error.msg}); name a table .csv or .tsv."
        ) from None
    except ValueError:
        # More digits or deeper brackets than anybody's scores have.
        raise EvaluationError("not valid JSON.") from None
    if not isinstance(data, dict):
        raise EvaluationError(
            'not a JSON object such as {"base": .., "donor": .., "tasks": [..], "rows": {..}}.'
        )
    tasks, rows = data.get("tasks"), data.get("rows")
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise EvaluationError('"tasks" must be a list of names.')
    if not isinstance(rows, dict):
        raise EvaluationError('"rows" must hold a list of scores for each name: {"name": [50.1, ..]}.')
    for name, scores in rows.items():
        if not isinstance(scores, list):
            raise EvaluationError(f'the row "{name}" must be a list of scores, one a task.')
    named = [given or data.get(role) for role, given in (("base", base), ("donor", donor))]
    for role, name in zip(("base", "donor"), named, strict=True):
        if not isinstance(name, str):
            raise EvaluationError(f'"{role}" must name one of the rows; or give --{role}.')
    return make_scores(str(named[0]), str(named[1]), tasks, rows)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise EvaluationError(f'"{twice}" is there twice.')
    return values


def _from_csv(text: str, base: str | None, donor: str | None) -> Scores:
    header = text.partition("\n")[0]
    try:
        lines = [
            [cell.strip() for cell in line]
            for line in csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in header else ",")
        ]
    except csv.Error as error:
        raise EvaluationError(f"not a table of comma-separated values ({error}).") from None
    lines = [line for line in lines if any(line)]
    if len(lines) < 3 or len(lines[0]) < 2:
        raise EvaluationError("a table needs a header (model, then the tasks) and a line for each parent.")
    _, *tasks = lines[0]
    if not all(tasks):
        raise EvaluationError("a column has no name in the header.")
    rows: dict[str, list[Decimal | None]] = {}
    for name, *cells in lines[1:]:
        if not name:
            raise EvaluationError("a line has scores but no name.")
        if name in rows:
            raise EvaluationError(f'the row "{name}" is there twice.')
        rows[name] = [_number(cell, name) for cell in cells]
    first, second, *_ = rows
    return make_scores(base or first, donor or second, tasks, rows)


def _number(cell: str, name: str) -> Decimal | None:
    if cell in MISSING:
        return None
    if not NUMBER.fullmatch(cell):
        raise EvaluationError(
            f'the row "{name}" holds {cell[:40]!r}, which is not a number; a missing score is left empty.'
        )
    return Decimal(cell)
