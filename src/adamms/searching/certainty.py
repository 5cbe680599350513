"""How sure a choice is: which candidates cannot be told apart from it, and one of four verdicts.

A candidate is told apart from the chosen one if the paired difference of their scores over the inputs exceeds
two of its standard errors; the others are the alternatives. The thresholds were chosen on the development
pairs of docs/signals.md, so that "clear" means within a point of the best in more than 90 % of choices.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.searching.choosing import ROUNDING, Values, gains, means

CLEAR, CLOSE, UNDECIDED, DO_NOT_MERGE = "clear", "close", "undecided", "do-not-merge"

ONE_INPUT = "One input tells nothing apart."
ALL_ALIKE = "All candidates score alike on every input."
BASE_ALIKE = "The base alone cannot be told apart from it."
ONLY = "Only one candidate can be chosen."

APART_SE = 2.0
"""Standard errors of the paired difference that tell two candidates apart."""
DRAWS = 2000
"""Of the bootstrap over the inputs."""
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap that a margin's interval goes from and to."""
MOST_INPUTS = 1_000_000
"""More inputs than this would be needed: none tell the two apart."""


@dataclass(frozen=True)
class Margin:
    """How much better the chosen candidate scores than another, with the bootstrap's 95 % interval."""

    alpha: float | None
    """The other; None for a base that answered by itself."""
    margin: float
    low: float
    high: float


@dataclass(frozen=True)
class Certainty:
    """A verdict and what it rests on."""

    verdict: str
    alternatives: tuple[float, ...] = ()
    """Candidates that cannot be told apart from the chosen one."""
    runner_up: Margin | None = None
    over_base: Margin | None = None
    wins: Mapping[float, float] | None = None
    """Candidate -> the share of the bootstrap's draws of the inputs in which it scores best."""
    inputs_needed: int | None = None
    """Inputs that would tell the chosen one from the runner-up, by the margin's noise; None where none do."""
    reasons: tuple[str, ...] = ()
    """What more must be known, a sentence each."""

    def to_json(self) -> dict[str, Any]:
        """The entries `certainty`, `alternatives` and `doubt` of `selection.json`."""
        doubt: dict[str, Any] = {
            name: None if margin is None else vars(margin)
            for name, margin in (("runner_up", self.runner_up), ("over_base", self.over_base))
        }
        doubt["wins"] = {f"{alpha:g}": share for alpha, share in (self.wins or {}).items()}
        doubt |= {"inputs_needed": self.inputs_needed, "reasons": list(self.reasons)}
        return {"certainty": self.verdict, "alternatives": list(self.alternatives), "doubt": doubt}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Certainty | None":
        """Read the entries back; None where a run of another version has none."""
        doubt = data.get("doubt")
        if data.get("certainty") is None or not isinstance(doubt, dict):
            return None
        runner_up, over_base = (
            Margin(**doubt[key]) if doubt[key] else None for key in ("runner_up", "over_base")
        )
        return cls(
            verdict=str(data["certainty"]),
            alternatives=tuple(data["alternatives"]),
            runner_up=runner_up,
            over_base=over_base,
            wins={float(alpha): float(share) for alpha, share in doubt["wins"].items()},
            inputs_needed=doubt["inputs_needed"],
            reasons=tuple(doubt["reasons"]),
        )


def certainty_of(
    values: Values,
    alphas: tuple[float, ...],
    *,
    selected: int,
    eligible: NDArray[np.bool_],
    base: int | None = None,
    base_values: Values | None = None,
    collapsed: bool = False,
    distrust: str | None = None,
    seed: int = 0,
) -> Certainty:
    """How sure a choice is.

    Args:
        values: a signal's numbers, (candidates, inputs).
        alphas: the candidates.
        selected: the row that was chosen.
        eligible: the candidates that could be chosen and are scored.
        base: the row of alpha 0, where it is the base.
        base_values: the numbers of a base that answered by itself, (inputs,).
        collapsed: whether every other candidate has.
        distrust: why the signal is not to be believed even where it tells candidates apart.
        seed: of the bootstrap.
    """
    rows = np.flatnonzero(eligible | (np.arange(len(alphas)) == selected))
    names: list[float | None] = [alphas[row] for row in rows]
    compared = values[rows]
    if base_values is not None and not np.isnan(base_values).any():
        compared, names = np.vstack([compared, base_values]), [*names, None]
    chosen = names.index(alphas[selected])
    at_home = base is not None and selected == base
    others = [place for place in range(len(names)) if place != chosen]
    draws = _bootstrap(compared, seed=seed)
    wins = _wins(draws, names)
    reasons: tuple[str, ...] = () if distrust is None else (distrust,)
    if not others:
        # That the merges have collapsed is proof enough; that none was tried or scored is none.
        verdict = DO_NOT_MERGE if at_home and collapsed else UNDECIDED
        return Certainty(verdict, wins=wins, reasons=(ONLY, *reasons))
    # By how much the others exceed the chosen one: the signs are turned.
    over = gains(compared, base=chosen)
    apart = [place for place in others if -over.gain[place] > APART_SE * over.noise[place]]
    alike = [place for place in others if place not in apart]
    if any(names[place] is None for place in alike):
        reasons = (BASE_ALIKE, *reasons)
    alternatives = tuple(name for place in alike if (name := names[place]) is not None)
    own = None if base is None else alphas[base]
    homes = [place for place, name in enumerate(names) if name is None or name == own]
    verdict = _verdict(
        at_home=at_home,
        beaten=names[-1] is None and bool(over.gain[-1] > APART_SE * over.noise[-1]),
        home_alike=any(place in alike for place in homes),
        alike=len(alike),
        others=len(others),
        trusted=distrust is None,
    )
    runner_up = max(others, key=lambda place: (means(compared)[place], -place))
    if compared.shape[1] < 2:
        verdict, reasons = UNDECIDED, (ONE_INPUT, *reasons)
    elif (compared == compared[chosen]).all():
        verdict, reasons = UNDECIDED, (ALL_ALIKE, *reasons)
    home = next((place for place in homes if place != chosen), None)
    return Certainty(
        verdict,
        alternatives,
        runner_up=_margin(runner_up, chosen, names, compared, draws),
        over_base=None if home is None else _margin(home, chosen, names, compared, draws),
        wins=wins,
        inputs_needed=inputs_needed(
            -float(over.gain[runner_up]), float(over.noise[runner_up]), inputs=compared.shape[1]
        )
        if alike
        else None,
        reasons=reasons,
    )


def _verdict(*, at_home: bool, beaten: bool, home_alike: bool, alike: int, others: int, trusted: bool) -> str:
    """The verdict by what is told apart.

    Args:
        at_home: the base is chosen.
        beaten: a base that answered by itself scores beyond the noise better.
        home_alike: the base cannot be told apart.
        alike: how many others cannot.
        others: how many there are.
        trusted: whether the signal is to be believed.
    """
    if beaten:
        return DO_NOT_MERGE if trusted else UNDECIDED
    if not alike:
        if at_home:
            return DO_NOT_MERGE if trusted else UNDECIDED
        return CLEAR if trusted else CLOSE
    if home_alike or (at_home and alike == others):
        return UNDECIDED
    return CLOSE


def _margin(other: int, chosen: int, names: list[float | None], compared: Values, draws: Values) -> Margin:
    low, high = np.percentile(draws[:, chosen] - draws[:, other], INTERVAL)
    margin = means(compared)[chosen] - means(compared)[other]
    return Margin(names[other], float(margin), float(low), float(high))


def inputs_needed(margin: float, noise: float, *, inputs: int) -> int | None:
    """How many inputs would tell two candidates apart, by the margin's noise; None where none would.

    Args:
        margin: the difference of their scores.
        noise: its standard error.
        inputs: that they were compared on.
    """
    if margin <= ROUNDING or not math.isfinite(noise):
        return None
    needed = math.ceil(inputs * (APART_SE * noise / margin) ** 2)
    return max(needed, inputs + 1) if needed <= MOST_INPUTS else None


def _bootstrap(compared: Values, *, seed: int) -> Values:
    """Means over inputs drawn with replacement, (draws, rows)."""
    drawn: Values = _counts(compared.shape[1], seed) @ compared.T / compared.shape[1]
    return drawn


@lru_cache(maxsize=8)
def _counts(inputs: int, seed: int) -> Values:
    """How often each input is drawn, (draws, inputs); Python's own draws, the same on every machine."""
    draw = random.Random(seed)
    drawn = [np.bincount(draw.choices(range(inputs), k=inputs), minlength=inputs) for _ in range(DRAWS)]
    return np.array(drawn, dtype=float)


def _wins(draws: Values, names: list[float | None]) -> dict[float, float]:
    best = draws.max(axis=1, keepdims=True)
    first = (draws >= best - ROUNDING * np.maximum(abs(best), 1)).argmax(axis=1)
    return {name: float((first == place).mean()) for place, name in enumerate(names) if name is not None}
