"""JSON of strangers, parsed within bounds; every failure is a ValueError with a reason.

A few megabytes of brackets become a gigabyte of lists, ten thousand of them inside one another exhaust the
stack, and whole numbers of thousands of digits parse and then cannot be printed. All three are told, so that
who reads a file needs to know only OSError and ValueError.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adamms.checkpoints.limits import DIGITS, MB, TEXT, UNFOLDED
from adamms.checkpoints.local_files import read_bytes

# Below this size nothing unfolds beyond the limit: an empty list of three bytes takes 64.
SMALL = 8 * MB
# Bytes that a sign stands for in memory: a list or table begins, a value or key ends.
CONTAINER, VALUE = 72, 80


def read_json(path: str | Path, *, limit: int = TEXT, encoding: str = "utf-8") -> Any:
    """What a JSON file says.

    Args:
        path: a regular file.
        limit: how many bytes it may have.
        encoding: of its text.

    Raises:
        OSError: it cannot be read, is no file, or is too large.
        ValueError: it is not JSON in this encoding, or would take too much memory.
    """
    return parse_json(read_bytes(path, limit=limit), encoding=encoding)


def parse_json(raw: bytes, *, encoding: str = "utf-8", **options: Callable[..., Any]) -> Any:
    """What a JSON document says; `options` are those of `json.JSONDecoder`.

    Raises:
        ValueError: it is not JSON in this encoding, is nested too deeply, or would take too much memory.
    """
    if len(raw) > SMALL and (size := _unfolded(raw)) > UNFOLDED:
        raise ValueError(f"its {len(raw) // MB} MB would take more than {size // MB} MB of memory")
    text = raw.decode(encoding)
    # A decoder is dear to make, and files of answers have a document a line.
    decoder = json.JSONDecoder(parse_int=_whole, **options) if options else DECODER  # type: ignore[arg-type]
    try:
        return decoder.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unfolded(raw: bytes) -> int:
    containers = raw.count(b"[") + raw.count(b"{")
    return len(raw) + CONTAINER * containers + VALUE * (raw.count(b",") + raw.count(b":"))


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


DECODER = json.JSONDecoder(parse_int=_whole)
