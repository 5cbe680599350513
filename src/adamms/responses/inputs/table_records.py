"""Records from tables of text: CSV and TSV with a line of names first, VLMEvalKit's own among them.

VLMEvalKit's tables hold pictures in base64, or the `index` of another row that shows the same, and the
options of a choice in columns A, B, C .. : then the question is put as it puts it.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.responses.inputs.problems import ProblemError
from adamms.responses.inputs.records import NAMES, Record, Records
from adamms.responses.inputs.source import InputSource

DELIMITERS = {"\t": "TSV", ",": "CSV", ";": "CSV"}
LONGEST_CELL = 1 << 28
"""Characters; a picture in base64 is one cell."""
LETTERS = "ABCDEFGHIJ"
VLMEVALKIT = ("index", "image", "question")
LONGEST_REFERENCE = 64
"""Characters of an `image` that is the index of the row whose picture it shares."""


def table_header(text: str, source: InputSource) -> tuple[str, tuple[str, ...]] | None:
    """The delimiter and the names of a table, or None where the first line names nothing that we look for."""
    first = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    wanted = {name for names in source.columns.values() for name in names}
    # With a prompt for all, or for labels alone, other columns than the prompt make a table.
    wanted |= set(NAMES["prompt"])
    wanted |= set(NAMES["image"]) if source.prompt is not None else set()
    wanted |= set(NAMES["answer"])
    headers = []
    for delimiter in DELIMITERS:
        names = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter), []))
        if wanted & set(names):
            headers.append((delimiter, names))
    # Of several ways to part it the one with most columns; commas, where there is but one.
    return max(headers, key=lambda header: (len(header[1]), header[0] == ","), default=None)


def read_table(text: str, path: Path, delimiter: str, names: tuple[str, ...]) -> Records:
    """The records of a table.

    Args:
        text: all of the file.
        path: the file; relative paths start at its folder.
        delimiter: what stands between cells.
        names: of the columns.
    """
    own = set(VLMEVALKIT) <= set(names) or {"index", "question", "A"} <= set(names)
    rows = _rows(text, delimiter, names)
    kind = f"VLMEvalKit's {DELIMITERS[delimiter]}" if own else DELIMITERS[delimiter]
    return Records(kind, _as_vlmevalkit(rows) if own else rows, path.parent)


def _rows(text: str, delimiter: str, names: tuple[str, ...]) -> Iterator[Record | tuple[str, ProblemError]]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        lines = csv.reader(text.lstrip("\r\n").splitlines(keepends=True), delimiter=delimiter)
        next(lines)
        number = 0
        while True:
            try:
                cells = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                yield f"row {number + 1}", ProblemError(f"no row of a table ({error})")
                return
            if not any(cells):
                continue
            number += 1
            if len(cells) > len(names):
                message = f"it has {len(cells)} cells, and the table {len(names)} columns"
                yield f"row {number}", ProblemError(message, kind="too many cells")
                continue
            values = {name: _value(cell) for name, cell in zip(names, cells, strict=False) if cell != ""}
            yield Record(f"row {number}", number, values)
    finally:
        csv.field_size_limit(before)


def _value(cell: str) -> Any:
    """A cell; a list that was written into one is a list again."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return cell
    try:
        value = parse_json(cell.encode())
    except ValueError:
        # As Python prints a list of texts.
        inner = [part.strip() for part in cell[1:-1].split(",")]
        quoted = all(len(part) > 1 and part[0] in "'\"" and part[-1] == part[0] for part in inner)
        return [part[1:-1] for part in inner] if quoted else cell
    return value if isinstance(value, list) else cell


def _as_vlmevalkit(
    rows: Iterator[Record | tuple[str, ProblemError]],
) -> Iterator[Record | tuple[str, ProblemError]]:
    everything = list(rows)
    pictures = {
        str(row.values.get("index")): image
        for row in everything
        if isinstance(row, Record) and (image := row.values.get("image")) and not _is_short(image)
    }
    for row in everything:
        if not isinstance(row, Record):
            yield row
            continue
        values = dict(row.values)
        image = values.get("image")
        if _is_short(image) and image in pictures:
            values["image"] = pictures[image]
        options = {letter: values.pop(letter) for letter in LETTERS if letter in values}
        question = str(values.pop("question", ""))
        if options and question:
            values["question"] = _choice(question, options, hint=values.get("hint"))
            values["choices"] = list(options.values())
        elif question:
            values["question"] = question
        if "category" in values:
            values.setdefault("task", values["category"])
        yield Record(row.place, row.number, values)


def _is_short(image: Any) -> bool:
    return isinstance(image, str) and len(image) <= LONGEST_REFERENCE


def _choice(question: str, options: Mapping[str, Any], *, hint: Any) -> str:
    """A multiple-choice question as VLMEvalKit puts it."""
    lines = [f"Hint: {hint}"] if hint else []
    lines += [f"Question: {question}", "Options:", *(f"{letter}. {text}" for letter, text in options.items())]
    return "\n".join([*lines, "Please select the correct answer from the options above."])
