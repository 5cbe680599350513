"""How much better one model is than another on the same questions, with an interval.

Answers to one question go together: both models find the same questions hard, so the spread of the difference
question by question is what counts, and is smaller than two separate standard errors suggest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NORMAL_95 = 1.959964
"""Standard errors to each side of a mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class PairedDifference:
    """A mean difference of scores from 0 to 1, and its 95 % interval."""

    run: str
    against: str
    inputs: int
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no difference at all out."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """An entry of `"accuracy_differences"` in what `adamms compare --json` prints."""
        return {
            "run": self.run,
            "against": self.against,
            "inputs": self.inputs,
            "difference": self.difference,
            "interval": [self.low, self.high],
        }

    def __str__(self) -> str:
        points = [f"{100 * value:+.1f}" for value in (self.difference, self.low, self.high)]
        said = "" if self.is_clear else "; these inputs do not tell them apart"
        return (
            f"{self.run} against {self.against}: {points[0]} points, 95 % interval {points[1]} to "
            f"{points[2]} (paired, {self.inputs:,} inputs){said}."
        )


def paired_difference(
    run: str, right: Mapping[str, float], against: str, other: Mapping[str, float]
) -> PairedDifference | None:
    """The difference over the inputs that both answered; None where these are fewer than two.

    Args:
        run: the name of the model.
        right: input id -> its score.
        against: the name of the other model.
        other: input id -> the other's score.
    """
    differences = [right[id_] - other[id_] for id_ in right if id_ in other]
    count = len(differences)
    if count < 2:
        return None
    mean = sum(differences) / count
    variance = sum((difference - mean) ** 2 for difference in differences) / (count - 1)
    room = NORMAL_95 * math.sqrt(variance / count)
    return PairedDifference(run, against, count, mean, mean - room, mean + room)
