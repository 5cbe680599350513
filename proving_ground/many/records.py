"""The answers of one pair as a file: a header line, then one JSON line a question, packed with bzip2.

Everything a label-free signal may look at, and the truth beside it; docs/data/zoo-many/README.md describes
the format for readers in other languages. Numbers are whole: probabilities in thousandths, entropies and
log-probabilities in hundredths of a nat. Imports nothing heavy.
"""

import bz2
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adamms.errors import AdaMMSError

CANDIDATES = 7
"""The paper's candidates, alpha 0 ... 0.6, are the first so many alphas; only for them is all of it kept."""


@dataclass(frozen=True)
class Header:
    """Whose answers these are; `kinds` says what kind of task each task is to the pair."""

    pair: str
    seed: str
    base: str
    donor: str
    split: str
    alphas: list[float]
    kinds: dict[str, str]


@dataclass(frozen=True)
class Asked:
    """One question and what became of it, by alpha.

    `said` are the different answers, those of the candidates first; `given` is which of them each alpha gave,
    `alone` which the donor gave with its own tower. `confidence` is each alpha's, then the donor's own;
    `entropy` the candidates' alone. `likelihood[s][a]` is the log-probability of the answer `said[s]`, its
    end included, under candidate `a`, for all that was said (in older files for the answers that a candidate
    gave); `donor_likelihood` and `ancestor_likelihood` are the same under the donor with its own tower and
    under theta_0's language model behind the base's, in older files empty. `correct` are the answers among
    `said` that count as right, where that is not the one that equals the truth.
    """

    id: str
    task: str
    truth: str
    said: list[str]
    given: list[int]
    alone: int
    confidence: list[float] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    likelihood: list[list[float]] = field(default_factory=list)
    donor_likelihood: list[float] = field(default_factory=list)
    ancestor_likelihood: list[float] = field(default_factory=list)
    correct: list[int] | None = None

    def right(self, place: int) -> bool:
        """Tell whether the alpha at this place answered rightly."""
        return self._counts(self.given[place])

    def donor_right(self) -> bool:
        """Tell whether the donor with its own tower answered rightly."""
        return self._counts(self.alone)

    def _counts(self, number: int) -> bool:
        return self.said[number] == self.truth if self.correct is None else number in self.correct


@dataclass(frozen=True)
class Interview:
    """A pair's whole interview."""

    header: Header
    asked: list[Asked]

    def tasks(self) -> dict[str, list[Asked]]:
        """Return the questions by task, in the order of the tasks' first questions."""
        groups: dict[str, list[Asked]] = {}
        for asked in self.asked:
            groups.setdefault(asked.task, []).append(asked)
        return groups


def write_interview(path: Path, interview: Interview) -> None:
    """Write an interview; the same answers give the same bytes."""
    lines = [asdict(interview.header), *(_packed(asked) for asked in interview.asked)]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    partial = path.with_suffix(".partial")
    partial.write_bytes(bz2.compress(text.encode()))
    partial.replace(path)


def read_interview(path: Path) -> Interview:
    """Read an interview.

    Raises:
        AdaMMSError: the file is not one.
    """
    try:
        with bz2.open(path, "rt", encoding="utf-8") as file:
            header, *lines = map(json.loads, file)
        return Interview(Header(**header), [_unpacked(line) for line in lines])
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise AdaMMSError(f"{path} holds no answers of a pair of the zoo: {error}.") from error


def read_interviews(folder: Path) -> list[Interview]:
    """Read all interviews of a folder, by name.

    Raises:
        AdaMMSError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.jsonl.bz2"))
    if not paths:
        raise AdaMMSError(
            f"{folder} holds no answers (*.jsonl.bz2); `python -m proving_ground.many --out DIR` makes them."
        )
    return [read_interview(path) for path in paths]


def _packed(asked: Asked) -> dict[str, Any]:
    values = asdict(asked)
    values["confidence"] = _whole(asked.confidence, 1000)
    values["entropy"] = _whole(asked.entropy, 100)
    values["likelihood"] = [_whole(row, 100) for row in asked.likelihood]
    for name in ("donor_likelihood", "ancestor_likelihood"):
        values[name] = _whole(values[name], 100)
        if not values[name]:
            del values[name]
    if asked.correct is None:
        del values["correct"]
    return values


def _unpacked(line: dict[str, Any]) -> Asked:
    return Asked(
        id=line["id"],
        task=line["task"],
        truth=line["truth"],
        said=line["said"],
        given=line["given"],
        alone=line["alone"],
        confidence=_real(line["confidence"], 1000),
        entropy=_real(line["entropy"], 100),
        likelihood=[_real(row, 100) for row in line["likelihood"]],
        donor_likelihood=_real(line.get("donor_likelihood", []), 100),
        ancestor_likelihood=_real(line.get("ancestor_likelihood", []), 100),
        correct=line.get("correct"),
    )


def _whole(values: Iterable[float], scale: int) -> list[int]:
    return [round(value * scale) for value in values]


def _real(values: Sequence[int], scale: int) -> list[float]:
    return [value / scale for value in values]
