"""More than one coefficient: alpha in thirds of the depth, by part, or one a donor.

A point is one number a coordinate; a step moves one of them by the granularity of the search. What a point
means to a merge is the coefficient of `merging/coefficients.py`, so `adamms merge --alpha` repeats it. Knows
no answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from adamms.responses.candidates import format_alpha, round_alpha

NAMES = {"depth": ("early", "middle", "late"), "part": ("attention", "mlp", "rest")}
"""By depth, alpha at the first, the middle and the last layer, interpolated between; by part, everything that
is neither attention nor MLP (norms, embeddings, head) is the rest."""

WAYS = (*NAMES, "donor")

Point = tuple[float, ...]


@dataclass(frozen=True)
class Coordinates:
    """What is moved by itself."""

    by: str
    """`depth`, `part` or `donor`."""
    names: tuple[str, ...]
    donors_share: bool = False
    """Whether the donors' numbers leave the base the rest of 1, so that they may not exceed it together."""

    @classmethod
    def of(cls, by: str, *, donors: int = 1, donors_share: bool = False) -> "Coordinates":
        """The coordinates of one way, for so many donors."""
        names = NAMES.get(by) or tuple(f"donor {number}" for number in range(1, donors + 1))
        return cls(by, names, donors_share)

    def coefficient(self, point: Point) -> Any:
        """What a merge takes as alpha: a list over depth, a table by part, or one number a donor."""
        if self.by == "depth":
            return list(point)
        if self.by == "part":
            attention, mlp, rest = point
            return {"attention": attention, "mlp": mlp, "default": rest}
        return point

    def option(self, point: Point) -> str:
        """The same as the command line's options spell it."""
        numbers = [f"{value:g}" for value in point]
        if self.by == "part":
            return "--alpha " + repr(f"attention={numbers[0]};mlp={numbers[1]};default={numbers[2]}")
        if self.by == "donor":
            return " ".join([f"--alpha {numbers[0]}", *(f"--donor MODEL={each}" for each in numbers[1:])])
        return "--alpha " + ",".join(numbers)

    def spelled(self, point: Point) -> str:
        """The name of a point's file, without its ending: `depth=0.30,0.30,0.40`."""
        return f"{self.by}={','.join(map(format_alpha, point))}"

    def neighbours(self, point: Point, *, step: float) -> list[tuple[str, Point]]:
        """Every point one step away, and which coordinate was moved: up first, in the coordinates' order."""
        moved = []
        for sign in (1, -1):
            for index, name in enumerate(self.names):
                value = round_alpha(point[index] + sign * step)
                there = (*point[:index], value, *point[index + 1 :])
                if 0 <= value <= 1 and not (
                    self.by == "donor" and self.donors_share and sum(there) > 1 + 1e-9
                ):
                    moved.append((name, there))
        return moved


def granularity(alphas: Sequence[float]) -> float:
    """The distance of the closest neighbouring candidates."""
    return round_alpha(min(after - before for before, after in pairwise(alphas)))
