"""What harnesses write down about a run: which alpha it was, and VLMEvalKit's files of predictions.

lmms-eval keeps the model's arguments in the results beside its sample logs; VLMEvalKit keeps a table a model
and data set (`index, question, answer, prediction`; xlsx, tsv or json). Read as plain files; nothing is
judged.
"""

import csv
import os
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CELL, TEXT
from adamms.checkpoints.local_files import open_regular, require_size
from adamms.checkpoints.sources import expanded
from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA_IN_NAME

SAMPLES_OF_TASK = re.compile(r"^(?P<run>.+)_samples_(?P<task>.+)\.jsonl$")

PREDICTIONS = (".xlsx", ".tsv", ".json")
"""VLMEvalKit's PRED_FORMAT."""

ABOVE = 3
"""Folders above a file of predictions that may be called as its model: `MODEL/RUN/MODEL_DATASET.xlsx`."""

# What VLMEvalKit and its judges write beside a model's predictions.
_BESIDE = re.compile(r"_(acc|score|rating|results?|auxmatch|gpt[\w.-]*|chatgpt.*|openai|exact_matching.*)$")


def recorded_arguments(log: Path) -> str | None:
    """The `--model_args` of the run that wrote an lmms-eval sample log; None where they are not kept."""
    named = SAMPLES_OF_TASK.match(log.name)
    if named is None:
        return None
    try:
        data = read_json(log.parent / f"{named['run']}_results.json")
        arguments = data["config"]["model_args"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if isinstance(arguments, dict):
        return ",".join(f"{key}={value}" for key, value in arguments.items())
    return arguments if isinstance(arguments, str) else None


def alpha_of_arguments(arguments: str) -> float | None:
    """The alpha that model arguments name: their own, or that of the merged model they point to."""
    pairs = dict(part.partition("=")[::2] for part in arguments.split(","))
    try:
        return float(pairs["alpha"])
    except (KeyError, ValueError):
        pass
    for key in ("model", "pretrained"):
        if key in pairs:
            written = _written_alpha(expanded(pairs[key].strip("\"'")))
            named = ALPHA_IN_NAME.search(pairs[key])
            return written if written is not None else float(named[1]) if named else None
    return None


def _written_alpha(folder: Path) -> float | None:
    try:
        alpha = read_json(folder / "adamms.json")["alpha"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(alpha) if isinstance(alpha, int | float) and not isinstance(alpha, bool) else None


def prediction_files(folder: Path) -> list[Path]:
    """The files of predictions in a folder; what judges wrote beside them and second links are left out.

    Raises:
        SearchError: a candidate's file holds none, and no other file has its answers to that data set.
    """
    files: dict[Path, Path] = {}
    others: list[tuple[Path, SearchError | None]] = []
    for file in sorted(folder.rglob("*")):
        if file.suffix not in PREDICTIONS or not file.is_file() or _BESIDE.search(file.stem):
            continue
        try:
            if any(True for _ in predictions(file)):
                files.setdefault(file.resolve(), file)
            else:
                others.append((file, None))
        except SearchError as error:
            others.append((file, error))

    def named(file: Path) -> str | None:
        """The alpha in the path below the folder; what has none there is something else's."""
        match = ALPHA_IN_NAME.search(str(file.relative_to(folder)))
        return match and match[1]

    answered = {(data_set(file), named(file)) for file in files.values()}
    asked = {name for name, _ in answered}
    for file, problem in others:
        # A candidate must not be lost in silence: its neighbours would be compared with each other.
        name, alpha = data_set(file), named(file)
        if alpha and name in asked and (name, alpha) not in answered:
            raise problem or SearchError(f"The predictions {file} are empty; ask that candidate again.")
    return list(files.values())


def is_predictions(file: Path) -> bool:
    """Whether a file a user named is to be read as VLMEvalKit's."""
    return file.suffix in PREDICTIONS


def predictions(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered rows of a file of predictions, every one with its `index` and `prediction`.

    Raises:
        SearchError: it cannot be read, or has no such columns.
    """
    for number, row in _rows(file):
        if "index" not in row or "prediction" not in row:
            raise SearchError(
                f'{file}, line {number}: VLMEvalKit\'s predictions have columns "index" and "prediction"; '
                f"here are: {', '.join(map(str, list(row)[:6])) or 'none'}."
            )
        if row["index"] not in (None, ""):
            yield number, {**row, "data_set": data_set(file)}


def data_set(file: Path) -> str:
    """The data set in `MODEL_DATASET.xlsx`, the same for every candidate.

    Without the model where a folder above is called so, else without the alpha.
    """
    for folder in file.absolute().parents[:ABOVE]:
        if file.stem.startswith(f"{folder.name}_"):
            return file.stem.removeprefix(f"{folder.name}_")
    return ALPHA_IN_NAME.sub("", file.stem)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        if file.suffix == ".xlsx":
            # Late: most predictions are plain text.
            from adamms.responses.spreadsheets import sheet_rows

            yield from sheet_rows(file)
        elif file.suffix == ".json":
            data = read_json(file)
            if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
                raise SearchError(f"{file} is not a list of VLMEvalKit's predictions.")
            yield from enumerate(data, start=1)
        else:
            with open_regular(file) as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as lines:
                require_size(os.fstat(raw.fileno()).st_size, limit=TEXT, path=file)
                csv.field_size_limit(CELL)  # it may hold an image
                for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), start=2):
                    yield number, dict(row)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise SearchError(f"The predictions {file} cannot be read: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)[:200]
