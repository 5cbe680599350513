"""What candidates think of the parents' answers, as a file: one JSON line an input and candidate.

A search that judges candidates without letting them answer reads the parents' answers into each and keeps
how probable it finds them (`opinions.jsonl`). Lines are written as they come; a torn last one is dropped when
they are read, so a resumed run reads nothing twice.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA, round_alpha
from adamms.responses.reading import read_records

OPINIONS = "opinions.jsonl"


@dataclass(frozen=True)
class CandidateOpinion:
    """How probable a candidate finds the parents' answers to one input."""

    alpha: float
    id: str
    log_probabilities: tuple[float, ...]
    """Of all tokens of an answer together, its end included, in nats: the base's first, then the donors'."""
    tokens: tuple[int, ...]
    """How many tokens they are."""

    @property
    def means(self) -> tuple[float, ...]:
        """The mean log-probability of a token of each answer; 0 of no token."""
        return tuple(
            total / count if count else 0.0
            for total, count in zip(self.log_probabilities, self.tokens, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """The line; half precision may make what is no number, which is written as null."""
        base, *donors = (value if math.isfinite(value) else None for value in self.log_probabilities)
        named = {"donor": donors[0]} if len(donors) == 1 else {"donors": donors}
        return {"id": self.id, ALPHA: self.alpha, "base": base, **named, "tokens": list(self.tokens)}


def read_candidate_opinions(file: Path) -> list[CandidateOpinion]:
    """The opinions in a file; none where there is no file.

    Raises:
        SearchError: a line (other than a torn last one) is not one.
    """
    if not file.is_file():
        return []
    opinions = []
    for number, record in read_records(file):
        try:
            opinions.append(_opinion(record))
        except (KeyError, TypeError, ValueError):
            raise SearchError(
                f'{file}, line {number}: not {{"id", "alpha", "base", "donor", "tokens"}} with '
                "log-probabilities, numbers up to 0."
            ) from None
    return opinions


def _opinion(record: dict[str, Any]) -> CandidateOpinion:
    donors = record["donors"] if "donors" in record else [record["donor"]]
    values = tuple(_log_probability(value) for value in (record["base"], *donors))
    tokens = tuple(int(count) for count in record["tokens"])
    if len(tokens) != len(values):
        raise ValueError(tokens)
    return CandidateOpinion(round_alpha(float(record[ALPHA])), str(record["id"]), values, tokens)


def _log_probability(value: Any) -> float:
    """A number up to 0; what was none when it was written counts as impossible."""
    if value is None:
        return -math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or value > 1e-6:
        raise ValueError(value)
    return float(value)
