"""The true answers of labelled inputs: a JSONL file that goes by the inputs' ids.

A line is `{"id"?, "answer": text, number or list of texts, "task"?, "choices"?: list of texts, ..}`: the
search's own inputs file where it holds answers, or a file of answers beside it. Lines without an answer are
passed over. Read by a search only where the supervised baseline is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.local_files import read_bytes
from adamms.errors import EvaluationError
from adamms.responses.inputs import Example
from adamms.responses.responses import parse_line

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Label:
    """What is right for one input."""

    answers: tuple[str, ...]
    """Any of them is right; for soft accuracy, what each annotator said."""
    task: str | None = None
    choices: tuple[str, ...] = ()
    """The options A, B, C .. of a multiple-choice question, where the file lists them."""


def read_labels(path: str | Path) -> dict[str, Label]:
    """Read the labels; a line without `id` goes by its number, as among the inputs.

    Raises:
        EvaluationError: the file cannot be read, a line is wrong, or no line has an answer.
    """
    path = Path(path)
    labels: dict[str, Label] = {}
    seen: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        record = parse_line(line)
        if record is None:
            raise EvaluationError(f"{where}: not a JSON object.")
        id_ = record.get("id", number)
        if isinstance(id_, bool) or not isinstance(id_, str | int):
            raise EvaluationError(f'{where}: "id" must be a text or a whole number.')
        if str(id_) in seen:
            raise EvaluationError(f'{where}: the id "{id_}" is already used on line {seen[str(id_)]}.')
        seen[str(id_)] = number
        answers = _texts(record, "answer", where)
        if answers:
            task = record.get("task")
            choices = _texts(record, "choices", where)
            labels[str(id_)] = Label(answers, None if task is None else str(task), choices)
    if not labels:
        raise EvaluationError(f'No line of {path} has an "answer", so there is nothing to score with.')
    return labels


def labels_of(path: str | Path, examples: Sequence[Example]) -> dict[str, Label]:
    """The labels of these inputs, from the file that they were drawn from.

    Raises:
        EvaluationError: the file cannot be read, or an input has no true answer.
    """
    labels = read_labels(path)
    unknown = [example.id for example in examples if example.id not in labels]
    if unknown:
        raise EvaluationError(
            f"{len(unknown)} of the {len(examples)} inputs drawn from {path} have no true answer (the first: "
            f'"{unknown[0]}"); to choose by labels each needs an "answer".'
        )
    return {example.id: labels[example.id] for example in examples}


def _lines(path: Path) -> list[bytes]:
    try:
        return read_bytes(path).split(b"\n")
    except FileNotFoundError:
        raise EvaluationError(f"The file of true answers {path} does not exist.") from None
    except OSError as error:
        raise EvaluationError(f"The file of true answers {path} cannot be read: {error.strerror}.") from None


def _texts(record: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = record.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if any(isinstance(entry, bool) or not isinstance(entry, str | int | float) for entry in values):
        raise EvaluationError(f'{where}: "{key}" must be a text, a number, or a list of them.')
    if key == "choices" and len(values) > len(LETTERS):
        raise EvaluationError(f'{where}: "choices" has more options than there are letters.')
    return tuple(str(entry) for entry in values)
