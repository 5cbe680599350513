"""The true answers of labelled inputs, by the inputs' ids, from a file in any form that inputs have.

A record is `{"id"?, "answer": text, number or list of texts, "task"?, "choices"?: list of texts, ..}`: the
search's own inputs file where it holds answers, or a file of answers beside it. Records without an answer
are passed over. Read by a search only where the supervised baseline is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.errors import EvaluationError, SearchError
from adamms.responses.inputs import Example, InputSource, understand
from adamms.responses.inputs.problems import describe

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Label:
    """What is right for one input."""

    answers: tuple[str, ...]
    """Any of them is right; for soft accuracy, what each annotator said."""
    task: str | None = None
    choices: tuple[str, ...] = ()
    """The options A, B, C .. of a multiple-choice question, where the file lists them."""


def read_labels(source: str | Path | InputSource) -> dict[str, Label]:
    """Read the labels; a record without `id` goes by its number, as among the inputs.

    Raises:
        EvaluationError: the file cannot be read, a record is wrong, or none has an answer.
    """
    source = source if isinstance(source, InputSource) else InputSource(source)
    try:
        inputs = understand(source, labels=True)
    except SearchError as error:
        raise EvaluationError(f"The true answers cannot be read. {error}") from None
    if inputs.problems:
        raise EvaluationError(describe(inputs.name, inputs.problems))
    labels: dict[str, Label] = {}
    for entry in inputs.entries:
        where = f"{inputs.name}, {entry.place}"
        if answers := _texts(entry.answer, "answer", where):
            labels[entry.id] = Label(answers, entry.task, _texts(entry.choices, "choices", where))
    if not labels:
        raise EvaluationError(f'No line of {inputs.name} has an "answer", so there is nothing to score with.')
    return labels


def labels_of(source: str | Path | InputSource, examples: Sequence[Example]) -> dict[str, Label]:
    """The labels of these inputs, from the file that they were drawn from.

    Raises:
        EvaluationError: the file cannot be read, or an input has no true answer.
    """
    source = source if isinstance(source, InputSource) else InputSource(source)
    labels = read_labels(source)
    unknown = [example.id for example in examples if example.id not in labels]
    if unknown:
        raise EvaluationError(
            f"{len(unknown)} of the {len(examples)} inputs drawn from {source.name} have no true answer (the "
            f'first: "{unknown[0]}"); to choose by labels each needs an "answer".'
        )
    return {example.id: labels[example.id] for example in examples}


def _texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    # As VQA's annotators are listed: {"answer": "red", "answer_confidence": ..}.
    values = [entry.get("answer") if isinstance(entry, Mapping) else entry for entry in values]
    if any(isinstance(entry, bool) or not isinstance(entry, str | int | float) for entry in values):
        raise EvaluationError(f'{where}: "{key}" must be a text, a number, or a list of them.')
    if key == "choices" and len(values) > len(LETTERS):
        raise EvaluationError(f'{where}: "choices" has more options than there are letters.')
    return tuple(str(entry) for entry in values)
