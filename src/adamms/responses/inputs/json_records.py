"""Records from JSON: an object a line, an array of objects, or an object around one such array."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.responses.inputs.problems import ProblemError
from adamms.responses.inputs.records import CONVERSATIONS, NAMES, Record, Records


def read_json(text: str, path: Path) -> Records:
    """The records of a file that begins as JSON does.

    Args:
        text: all of the file.
        path: the file; relative paths start at its folder.
    """
    begins = text.lstrip()[:1]
    if begins == "[":
        return Records("JSON array", _array(text), path.parent)
    if not isinstance(_parsed(text.lstrip().split("\n", 1)[0]), dict):
        # No object in the first line: perhaps one over several lines, around what is meant.
        document = _parsed(text)
        if isinstance(document, dict):
            return Records("JSON", _numbered(_inner(document), "entry"), path.parent)
    return Records("JSON lines", _lines(text), path.parent)


def as_record(value: Any, place: str, number: int) -> Record | tuple[str, ProblemError]:
    """A value as a record, or what is wrong with it."""
    if not isinstance(value, dict):
        wanted = 'not a JSON object such as {"image": "a.png", "prompt": "..."}'
        return place, ProblemError(wanted)
    shape = next((key for key in CONVERSATIONS if isinstance(value.get(key), list)), "")
    if not shape and isinstance(value.get("body"), dict):
        shape = "messages"
    return Record(place, number, value, shape)


def _numbered(values: list[Any], what: str) -> Iterator[Record | tuple[str, ProblemError]]:
    for number, value in enumerate(values, start=1):
        yield as_record(value, f"{what} {number}", number)


def _array(text: str) -> Iterator[Record | tuple[str, ProblemError]]:
    try:
        yield from _numbered(parse_json(text.encode()), "entry")
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        yield f"line {line}", ProblemError(f"not valid JSON ({_reason(error)})")


def _lines(text: str) -> Iterator[Record | tuple[str, ProblemError]]:
    # Not splitlines: JSON may hold other separators of lines inside its texts.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            value = parse_json(line.encode())
        except ValueError as error:
            yield place, ProblemError(f"not valid JSON ({_reason(error)})")
            continue
        yield as_record(value, place, number)


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _parsed(text: str) -> Any:
    try:
        return parse_json(text.encode())
    except ValueError:
        return None


def _inner(document: dict[str, Any]) -> list[Any]:
    """The records in an object: itself, or what the one list of objects in it holds."""
    if any(name in document for name in (*NAMES["prompt"], *CONVERSATIONS, "body")):
        return [document]
    lists = [
        value
        for value in document.values()
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
    ]
    return lists[0] if len(lists) == 1 else [document]
