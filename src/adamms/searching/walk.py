"""A walk along coordinates from the best global alpha: accept a step only for a gain beyond its noise.

In a round every point one step away on one coordinate answers the same inputs, a pass each; the best of those
whose gain the paired bootstrap does not put down to chance is taken, and the next round starts there. It ends
where no step helps or the passes are spent. The bar rises with the steps compared in a round, as the best of
many looks good by chance. Knows neither models nor signals: it is given a number an input.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.searching.coordinates import Coordinates, Point

DRAWS = 2000
LEVEL = 0.05
"""The chance of accepting a step in a round where none is better, at most."""

SPENT = "the passes are spent"
SETTLED = "no step helps"


@dataclass(frozen=True)
class Scored:
    """A point's numbers, one an input in a fixed order, and why it may not be taken, if so."""

    values: NDArray[np.float64]
    disqualified: str | None = None


@dataclass(frozen=True)
class Step:
    """A point that was tried from where the walk stood."""

    coordinate: str
    point: Point
    gain: float | None
    """Of the mean over the inputs; None where its answers cannot be scored."""
    noise: float | None
    """Standard deviation of the gain over the bootstrap's draws."""
    chance: float | None
    """Share of the draws without a gain."""
    accepted: bool = False
    disqualified: str | None = None


@dataclass(frozen=True)
class Walk:
    """Where a walk began and ended, and every step it tried."""

    by: str
    names: tuple[str, ...]
    step: float
    start: Point
    selected: Point
    score: float
    """Of the point where it ended, by the rule."""
    start_score: float
    steps: tuple[Step, ...]
    passes: int
    """Points that were asked."""
    budget: int
    ended: str

    @property
    def accepted(self) -> tuple[Step, ...]:
        """The steps that were taken."""
        return tuple(each for each in self.steps if each.accepted)

    @property
    def coordinates(self) -> Coordinates:
        """What was moved."""
        return Coordinates(self.by, self.names)

    def sentence(self) -> str:
        """The walk for people."""
        passes = f"{self.passes} pass{'' if self.passes == 1 else 'es'}"
        if not self.accepted:
            return f"By {self.by}, {passes} more found no step that gains beyond its noise ({self.ended})."
        told = ", ".join(
            f"{step.coordinate} to {step.point[self.names.index(step.coordinate)]:g} "
            f"(+{step.gain:.3g} ± {step.noise:.2g})"
            for step in self.accepted
        )
        values = ", ".join(f"{name} {value:g}" for name, value in zip(self.names, self.selected, strict=True))
        return (
            f"By {self.by}, {passes} more moved it to {values}: {told}; the score went from "
            f"{self.start_score:.4g} to {self.score:.4g} ({self.ended})."
        )

    def to_json(self) -> dict[str, Any]:
        """The entry `walk` of `selection.json`."""
        told = {key: value for key, value in asdict(self).items() if key != "steps"}
        steps = [{**asdict(each), "point": list(each.point)} for each in self.steps]
        lists = {key: list(told[key]) for key in ("names", "start", "selected")}
        return {**told, **lists, "alpha": self.coordinates.coefficient(self.selected), "steps": steps}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Walk":
        """Read the entry back."""
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        lists = {key: tuple(data[key]) for key in ("names", "start", "selected")}
        steps = tuple(Step(**{**each, "point": tuple(each["point"])}) for each in data["steps"])
        return cls(**{**known, **lists, "steps": steps})


def walk(
    coordinates: Coordinates,
    start: Point,
    *,
    step: float,
    budget: int,
    seed: int,
    home: Scored,
    ask: Callable[[Point], Scored],
    level: float = LEVEL,
) -> Walk:
    """Walk from `start` while a step gains beyond its noise and passes are left.

    Args:
        coordinates: what is moved.
        start: where it begins.
        step: the granularity.
        budget: points that may be asked.
        seed: of the bootstrap.
        home: the start's numbers, already known.
        ask: a point -> its numbers, over the same inputs; a pass each.
        level: the chance, at most, of taking a step in a round where none is better; 1 takes any gain.
    """
    draws = bootstrap(len(home.values), seed=seed)
    known = {start: home}
    here, passes, steps, stood = start, 0, [], [start]
    while True:
        tried, cut = [], False
        for name, point in coordinates.neighbours(here, step=step):
            if point in stood:
                continue
            if point not in known:
                if passes == budget:
                    cut = True
                    continue
                known[point] = ask(point)
                passes += 1
            tried.append(compared(name, point, known[point], known[here], draws=draws))
        best = _best(tried, level=level)
        steps += [replace(each, accepted=each is best) for each in tried]
        if best is None:
            break
        here = best.point
        stood.append(here)
    return Walk(
        by=coordinates.by,
        names=coordinates.names,
        step=step,
        start=start,
        selected=here,
        score=float(known[here].values.mean()),
        start_score=float(home.values.mean()),
        steps=tuple(steps),
        passes=passes,
        budget=budget,
        ended=SPENT if cut else SETTLED,
    )


def compared(name: str, point: Point, there: Scored, here: Scored, *, draws: NDArray[np.int64]) -> Step:
    """A point against the one the walk stands at, input by input."""
    differences = there.values - here.values
    if np.isnan(differences).any():
        reason = there.disqualified or "some of its answers cannot be scored"
        return Step(name, point, None, None, None, disqualified=reason)
    means = differences[draws].mean(axis=1)
    # Rounding must not make a gain of what is none.
    chance = float((means <= 1e-12).mean())
    return Step(
        name,
        point,
        float(differences.mean()),
        float(means.std(ddof=1)),
        chance,
        disqualified=there.disqualified,
    )


def bootstrap(inputs: int, *, seed: int, draws: int = DRAWS) -> NDArray[np.int64]:
    """Columns drawn with replacement, (draws, inputs); the same on every machine."""
    draw = random.Random(seed)
    return np.array([draw.choices(range(inputs), k=inputs) for _ in range(draws)])


def _best(tried: Sequence[Step], *, level: float) -> Step | None:
    """The step with the largest gain among those that are sure enough; the first of equals."""
    sure = [each for each in tried if each.disqualified is None and _is_sure(each, len(tried), level)]
    return max(sure, key=lambda each: each.gain or 0.0, default=None)


def _is_sure(step: Step, among: int, level: float) -> bool:
    if step.gain is None or step.chance is None or step.gain <= 0:
        return False
    return step.chance * among < level or level >= 1
