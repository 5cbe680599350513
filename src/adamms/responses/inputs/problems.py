"""What is wrong with inputs, said once a kind with how often and where first.

A file of a million lines may be wrong a million times in the same way; a person needs to read that once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 8
"""Kinds of problem spelled out in one message; the rest are counted."""
PLACES = 3
"""Places named of a problem that came several times."""


class ProblemError(Exception):
    """What is wrong with one input, without its place; `kind` is the same for all of its sort."""

    def __init__(self, message: str, *, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind or message


@dataclass(frozen=True)
class Problem:
    """One kind of problem."""

    message: str
    """As it was the first time."""
    places: tuple[str, ...]
    """All of them: `line 3`, `row 17`."""

    def __str__(self) -> str:
        if len(self.places) == 1:
            return f"{self.places[0]}: {self.message}"
        further = ", ".join(self.places[1:PLACES])
        more = f" and {len(self.places) - PLACES:,} more" if len(self.places) > PLACES else ""
        return f"{self.places[0]}: {self.message} (alike: {further}{more})"

    def to_json(self) -> dict[str, Any]:
        """An entry of `"problems"` in what `adamms inputs --json` prints."""
        return {"problem": self.message, "count": len(self.places), "places": list(self.places[:SHOWN])}


@dataclass
class Tally:
    """Problems and remarks gathered while inputs are read, in the order in which their kinds came."""

    _problems: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    _remarks: dict[str, int] = field(default_factory=dict)

    def problem(self, error: ProblemError, place: str) -> None:
        """Count a problem."""
        self._problems.setdefault(error.kind, (str(error), []))[1].append(place)

    def remark(self, sentence: str, count: int = 1) -> None:
        """Count something worth a word that is no problem; `sentence` holds {count} where the number goes."""
        self._remarks[sentence] = self._remarks.get(sentence, 0) + count

    @property
    def problems(self) -> tuple[Problem, ...]:
        """So far."""
        return tuple(Problem(message, tuple(places)) for message, places in self._problems.values())

    @property
    def remarks(self) -> tuple[str, ...]:
        """So far, with their numbers."""
        return tuple(sentence.format(count=f"{count:,}") for sentence, count in self._remarks.items())


def describe(name: str, problems: Sequence[Problem]) -> str:
    """All problems of inputs as one message; a sentence where there is one."""
    count = sum(len(problem.places) for problem in problems)
    if count == 1:
        return f"{name}, {problems[0]}."
    lines = [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  ... and {sum(len(problem.places) for problem in problems[SHOWN:]):,} more")
    return "\n".join([f"The inputs {name} have {count:,} problems:", *lines])
