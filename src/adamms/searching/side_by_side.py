"""Every signal's scores and choice beside the others', for `selection.json` and the reports.

A signal that these answers do not suffice for is listed with the reason. Signals that cost more than the
answers are never computed here: what they need is in the table, or they are not computable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adamms.responses.candidates import SearchAxis, value_in
from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import MIN_GAIN_SE, NONE, first, gains, means, winners
from adamms.searching.signal import Signal


@dataclass(frozen=True)
class SignalScores:
    """One signal's view of all candidates."""

    name: str
    cost: str
    """What it reads or costs, in a word of `COSTS`."""
    scores: tuple[tuple[float, float | None], ...]
    """(alpha, score), higher is better; None where it does not score a candidate."""
    selected: float | None = None
    """What it would choose by itself, ungated; None where it cannot choose."""
    gated: float | None = None
    """What its gated form would choose; None where it does not score alpha 0."""
    gain: float | None = None
    """The best other candidate's gain over alpha 0."""
    noise: float | None = None
    """The paired standard error of that gain over the inputs."""
    note: str | None = None
    """Why it is not computed, or what must be known of it."""

    def score(self, alpha: float) -> float | None:
        """Its score of a candidate."""
        return dict(self.scores).get(alpha)

    def to_json(self, axis: SearchAxis) -> dict[str, Any]:
        """An entry of `signals` in `selection.json`; what is not known is left out, but for the choice."""
        data = {
            "name": self.name,
            "selected": self.selected,
            "scores": [{**axis.key(alpha), "score": score} for alpha, score in self.scores],
            "cost": self.cost,
        }
        for key in ("gated", "gain", "noise", "note"):
            if getattr(self, key) is not None:
                data[key] = getattr(self, key)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SignalScores":
        """Read an entry back."""
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        known["scores"] = tuple((value_in(entry), entry["score"]) for entry in data["scores"])
        return cls(**known)


def compare(table: AnswerTable, signals: tuple[Signal, ...]) -> tuple[SignalScores, ...]:
    """Every signal's scores and choice."""
    return tuple(scores_of(signal, table) for signal in signals)


def scores_of(signal: Signal, table: AnswerTable) -> SignalScores:
    """One signal's scores and choice, or why there are none."""
    lacking = signal.lacks(table)
    if lacking is not None:
        nothing = tuple((alpha, None) for alpha in table.alphas)
        note = f"not computable: {lacking}"
        return SignalScores(signal.name, signal.cost, nothing, note=note)
    values = signal.values(table)
    mean = means(values)
    scores = tuple(
        (alpha, None if np.isnan(score) else float(score))
        for alpha, score in zip(table.alphas, mean, strict=True)
    )
    base = table.base if table.base is not None and not np.isnan(mean[table.base]) else None
    chosen = int(first(winners(values, allowed=table.sound, base=base)))
    gated, gain, noise = None, None, None
    if base is not None and chosen != NONE:
        home = int(first(winners(values, allowed=table.sound, base=base, min_gain_se=MIN_GAIN_SE)))
        gated = table.alphas[home]
        others = mean.copy()
        others[base] = np.nan
        others[~table.sound] = np.nan
        if not np.isnan(others).all():
            best = int(np.nanargmax(others))
            over = gains(values, base=base)
            gain = float(over.gain[best])
            noise = float(over.noise[best]) if np.isfinite(over.noise[best]) else None
    partly = [f"{alpha:g}" for alpha, score in scores if score is None]
    missing = signal.cost != "answers" and partly
    return SignalScores(
        signal.name,
        signal.cost,
        scores,
        selected=None if chosen == NONE else table.alphas[chosen],
        gated=gated,
        gain=gain,
        noise=noise,
        note=f"{table.axis.setting} {', '.join(partly)} lacks some of its numbers and is not scored"
        if missing
        else None,
    )
