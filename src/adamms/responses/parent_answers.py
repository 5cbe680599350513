"""What the parents say by themselves, as files beside the candidates' answers: the witnesses of a choice.

    responses/donor.jsonl        the donor's own answers, lines as candidates' but without an alpha;
                                 donor-1.jsonl, donor-2.jsonl ... where there are several donors
    responses/base.jsonl         the base's, where no candidate is the base
    responses/pretrained.jsonl   how probable theta_0 finds the base's and the donors' answers

A donor that cannot be run is stood in for by alpha 1 in the base's body; its lines then say
`"stand_in": true`.
Lines are flushed as they come, and a torn last line is dropped, so a resumed run asks nothing twice.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from adamms.errors import SearchError
from adamms.responses.candidates import RECIPE
from adamms.responses.reading import ROUNDING, read_donor_answers, read_records
from adamms.responses.responses import Response, open_to_append

PRETRAINED = "pretrained.jsonl"
STAND_IN = "stand_in"


@dataclass(frozen=True)
class DonorAnswers:
    """A donor's own answers by input id."""

    answers: Mapping[str, Response]
    stand_in: bool = False
    """Whether alpha 1 in the base's body gave them, because the donor itself could not be run."""


@dataclass(frozen=True)
class Opinion:
    """How probable theta_0 finds the parents' answers to an input: log-probabilities of all their tokens."""

    base: float
    donors: tuple[float, ...]
    """In the order of the donors."""

    def to_json(self, id_: str) -> dict[str, Any]:
        """The line of an input."""
        donors = {"donor": self.donors[0]} if len(self.donors) == 1 else {"donors": list(self.donors)}
        return {"id": id_, "base": self.base, **donors}


def donor_file(folder: str | Path, number: int = 1, *, donors: int = 1) -> Path:
    """Where a donor's own answers lie among the responses: `donor.jsonl`, or `donor-2.jsonl` of several."""
    return Path(folder) / ("donor.jsonl" if donors == 1 else f"donor-{number}.jsonl")


def read_donors(source: str | Path | Sequence[str | Path]) -> tuple[DonorAnswers, ...]:
    """The donors' own answers in a run directory or a folder of responses; empty where there are none.

    Raises:
        SearchError: a line is not understood, or of donors 1, 2 ... one is missing.
    """
    for folder in _folders(source):
        if (file := donor_file(folder)).is_file():
            return (read_donor(file),)
        count = len(list(folder.glob("donor-*.jsonl")))
        files = [donor_file(folder, number, donors=2) for number in range(1, count + 1)]
        if missing := [file for file in files if not file.is_file()]:
            raise SearchError(f"{missing[0]} is missing, though there are files of {count} donors.")
        if files:
            return tuple(map(read_donor, files))
    return ()


def read_donor(file: str | Path) -> DonorAnswers:
    """One donor's answers, in any format that candidates' answers are read in; a line needs no alpha.

    Raises:
        SearchError: the file is missing, or a line is not understood.
    """
    answers = read_donor_answers(file)
    path = Path(file)
    stood_in = path.suffix == ".jsonl" and any(record.get(STAND_IN) for _, record in read_records(path))
    return DonorAnswers(answers, stood_in)


def read_opinions(source: str | Path | Sequence[str | Path]) -> dict[str, Opinion] | None:
    """Theta_0's opinion by input id in a run directory or a folder of responses; None where there is none.

    Raises:
        SearchError: a line is not understood.
    """
    for folder in _folders(source):
        file = folder / PRETRAINED
        if not file.is_file():
            continue
        opinions = {}
        for number, record in read_records(file):
            where = f"{file}, line {number}"
            donors = record.get("donors", [record.get("donor")])
            numbers = [record.get("base"), *(donors if isinstance(donors, list) else [None])]
            if not all(_is_log_probability(value) for value in numbers) or "id" not in record:
                raise SearchError(
                    f'{where}: not {{"id": ..., "base": ..., "donor": ...}} with log-probabilities, numbers '
                    "up to 0."
                )
            base, *others = map(float, numbers)
            opinions[str(record["id"])] = Opinion(base, tuple(others))
        return opinions
    return None


def parent_line(response: Response, *, stand_in: bool = False) -> dict[str, Any]:
    """The line of a parent's answer."""
    line = response.to_json()
    del line["alpha"]
    return {**line, STAND_IN: True} if stand_in else line


class LineWriter:
    """Appends JSON lines to a file behind its last whole one; a resource, so a context manager."""

    def __init__(self, file: str | Path) -> None:
        self._path = Path(file)
        self._file: BinaryIO | None = None

    def __enter__(self) -> "LineWriter":
        self._file = open_to_append(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def lines(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines, all in one go; they are in the operating system's hands when this returns."""
        assert self._file is not None
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        # backslashreplace turns a lone surrogate into the escape that JSON has for it.
        self._file.write(text.encode("utf-8", "backslashreplace"))
        self._file.flush()


def _folders(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Where parents' answers may lie beside what a user named: the folder, its responses, a file's folder."""
    sources = [source] if isinstance(source, str | Path) else list(source)
    folders = [place for path in map(Path, sources) for place in (path / "responses", path, path.parent)]
    # A file of such a name elsewhere is somebody's own.
    return [folder for folder in dict.fromkeys(folders) if (folder.parent / RECIPE).is_file()]


def _is_log_probability(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value <= ROUNDING
