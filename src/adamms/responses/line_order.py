"""The order of lines in a run's files of answers: that of the inputs, whoever answered first."""

import os
from collections.abc import Sequence
from pathlib import Path

from adamms.responses.candidates import value_in
from adamms.responses.responses import parse_line


def sort_lines(folder: Path, ids: Sequence[str]) -> None:
    """Put the lines of every file in a folder into the order of candidates and inputs.

    Args:
        folder: where the answers lie, a JSON line an answer.
        ids: of the inputs, in their order; lines of others stay behind them.
    """
    places = {id_: place for place, id_ in enumerate(ids)}

    def place(line: bytes) -> tuple[float, int]:
        record = parse_line(line) or {}
        value = value_in(record)
        return value if isinstance(value, int | float) else 0.0, places.get(
            str(record.get("id")), len(places)
        )

    for file in sorted(folder.glob("*.jsonl")):
        lines = [line for line in file.read_bytes().split(b"\n") if line]
        ordered = sorted(lines, key=place)
        if ordered != lines:
            beside = file.with_suffix(".sorting")
            beside.write_bytes(b"".join(line + b"\n" for line in ordered))
            os.replace(beside, file)  # noqa: PTH105
