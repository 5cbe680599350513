"""Racing: a search asks in rounds, and stops asking what can no longer change its choice.

After each round the inputs that are left are imagined, many times, as the answered ones again (a Polya urn,
so that what so few inputs tell is not believed too firmly). A candidate that hardly ever wins then is
dropped; when one alone is left, the choice is settled. What is estimated is the full search's choice, never
which candidate is better. Knows no models; the paper (section 3.3) asks every candidate everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.responses.responses import Responses
from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import GATE, Values
from adamms.searching.signal import Signal

FLOOR = 50
"""Inputs that every candidate answers before anything is dropped; smaller searches are asked in one go."""

GROWTH = 1.5
"""Inputs after a round, in those before it: few rounds, as each moves every candidate's weights again."""

CONFIDENCE = 0.95
"""That the full search would choose the same; what may go wrong is shared by all rounds alike."""

DRAWS = 2000
"""Imagined ends of the search."""

UNSEEN = 0.5
"""Weight of one imagined input a candidate that goes against it alone: 50 inputs do not show what is rare."""


@dataclass(frozen=True)
class Dropped:
    """A candidate that was not asked to the end."""

    alpha: float
    after: int
    """Inputs that it had answered."""


@dataclass(frozen=True)
class Racing:
    """What a race asked; the entry `racing` of `selection.json`."""

    asked: int
    """Answers."""
    of: int
    """Answers that the full search asks for."""
    rounds: int
    dropped: tuple[Dropped, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "dropped": [vars(each) for each in self.dropped]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Racing":
        """Read the entry back."""
        return cls(**{**data, "dropped": tuple(Dropped(**each) for each in data["dropped"])})


@dataclass(frozen=True)
class Race:
    """Where a race stands: what is asked next, until it is over."""

    signal: Signal
    ids: tuple[str, ...]
    """All inputs, in the order in which they are asked."""
    sizes: tuple[int, ...]
    """Inputs answered after each round."""
    alphas: tuple[float, ...]
    """The candidates still asked."""
    candidates: int
    gated: bool = False
    seed: int = 0
    dropped: tuple[Dropped, ...] = ()
    rounds: int = 0
    """Done."""
    settled: bool = False

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        alphas: Sequence[float],
        *,
        signal: Signal,
        gated: bool,
        seed: int,
        exhaustive: bool = False,
    ) -> "Race":
        """The start; an exhaustive one, or one of few inputs, has a single round of everything."""
        sizes = (len(ids),) if exhaustive else sizes_of(len(ids))
        order = list(ids)
        if len(sizes) > 1:  # a file has its inputs in some order, such as task after task
            Random(seed).shuffle(order)
        return cls(signal, tuple(order), sizes, tuple(sorted(alphas)), len(alphas), gated, seed)

    @property
    def over(self) -> bool:
        """Whether there is nothing more to ask."""
        return self.settled or self.rounds == len(self.sizes)

    @property
    def inputs(self) -> int:
        """Inputs that the remaining candidates have answered after the round at hand, or the last one."""
        return self.sizes[min(self.rounds, len(self.sizes) - 1) if not self.over else self.rounds - 1]

    @property
    def wanted(self) -> dict[float, list[str]]:
        """What must be answered by the end of the round at hand: alpha -> input ids."""
        return {alpha: list(self.ids[: self.inputs]) for alpha in self.alphas}

    def compared(self, responses: Responses) -> dict[float, dict[str, Any]]:
        """The answers of the round at hand; a dropped candidate keeps its place with those that it gave."""
        return {
            alpha: {id_: answered[id_] for id_ in self.ids[: self.inputs] if id_ in answered}
            for alpha, answered in responses.items()
        }

    def after(self, responses: Responses, **settings: Any) -> "Race":
        """The race when the round at hand is answered.

        Args:
            responses: all answers so far.
            **settings: of `AnswerTable.of`: how answers are compared.

        Raises:
            SearchError: answers of the round are missing.
        """
        count = self.inputs
        done = replace(self, rounds=self.rounds + 1)
        if done.rounds == len(self.sizes):
            return done
        out = [each.alpha for each in self.dropped]
        table = AnswerTable.of(self.compared(responses), **settings, left_out=out)
        possible = contenders(
            table,
            self.signal,
            left=len(self.ids) - count,
            risk=(1 - CONFIDENCE) / (len(self.sizes) - 1),
            gated=self.gated,
            seed=self.seed + self.rounds,
        )
        if possible.sum() <= 1:
            return replace(done, settled=True)
        asked = still_needed(possible, table, self.signal)
        kept = tuple(alpha for alpha, keep in zip(table.alphas, asked, strict=True) if keep)
        gone = tuple(Dropped(alpha, count) for alpha in self.alphas if alpha not in kept)
        return replace(done, alphas=kept, dropped=(*self.dropped, *gone))

    @property
    def record(self) -> Racing | None:
        """What was asked; None where it was everything at once."""
        if len(self.sizes) == 1:
            return None
        asked = len(self.alphas) * self.inputs + sum(each.after for each in self.dropped)
        return Racing(asked, self.candidates * len(self.ids), self.rounds, self.dropped)


def sizes_of(inputs: int) -> tuple[int, ...]:
    """How many inputs are answered after each round: 50, half as many again each time, then all."""
    sizes: list[int] = []
    size = FLOOR
    while size < inputs:
        sizes.append(size)
        size = int(size * GROWTH)
    return (*sizes, inputs)


def contenders(
    table: AnswerTable, signal: Signal, *, left: int, risk: float, gated: bool, seed: int
) -> NDArray[np.bool_]:
    """The candidates that the full search may still choose.

    Args:
        table: the answers so far.
        signal: what chooses.
        left: inputs that are not asked yet.
        risk: the probability, at most, that a candidate that is left out here would have won.
        gated: whether alpha 0 is left only for a gain beyond its noise.
        seed: of the imagined inputs.

    Returns:
        (candidates,); collapsed ones and those that the signal does not score are not among them.
    """
    values = signal.values(table)
    live = table.sound & ~np.isnan(values).any(axis=1)
    if live.sum() <= 1:
        return live
    base = table.base if table.base is not None and live[table.base] else None
    shares = _win_shares(values[live], left, base=base, gate=GATE if gated else None, seed=seed)
    rows = np.flatnonzero(live)
    # The least likely first, and of equals the larger alpha, which loses a tie.
    lost = 0.0
    for index in sorted(range(len(rows)), key=lambda index: (shares[index], -index))[:-1]:
        lost += shares[index]
        if lost > risk:
            break
        live[rows[index]] = False
    return live


def still_needed(possible: NDArray[np.bool_], table: AnswerTable, signal: Signal) -> NDArray[np.bool_]:
    """Whose answers the choice among the contenders depends on.

    That is their own, those that their numbers are made of, and the smallest alpha's, which is the base:
    it is the yardstick of the collapse guard and of every gate.
    """
    asked = possible.copy()
    if signal.reads == "all":
        asked[:] = True
    if signal.reads == "neighbours":
        asked[1:] |= possible[:-1]
        asked[:-1] |= possible[1:]
    if signal.reads == "parents":
        asked |= np.array([alpha in (0.0, 1.0) for alpha in table.alphas])
    asked[int(np.argmin(table.absent))] = True
    return asked & ~table.absent


def _win_shares(
    values: Values, left: int, *, base: int | None, gate: float | None, seed: int
) -> NDArray[np.float64]:
    """In which share of imagined ends each candidate has the best mean over all inputs."""
    rows, count = values.shape
    worst = np.repeat(values.mean(axis=1, keepdims=True), rows, axis=1)
    # Where nothing differs yet a difference may still come; it counts 1.
    np.fill_diagonal(worst, values.min() if np.ptp(values) else values.min() - 1)
    pool = np.concatenate([values, worst], axis=1)
    weights = np.concatenate([np.ones(count), np.full(rows, UNSEEN)])
    random = np.random.default_rng(seed)
    drawn = random.multinomial(left, random.dirichlet(weights, size=DRAWS)).astype(float)
    drawn[:, :count] += 1
    # Rounded, so that candidates with the same numbers tie whatever the order of a sum.
    total = count + left
    means = np.round(drawn @ pool.T / total, 9)
    if base is not None and gate is not None:
        over = pool - pool[base]
        gain = drawn @ over.T / total
        spread = np.maximum(drawn @ (over**2).T / total - gain**2, 0) / max(total - 1, 1)
        home = np.arange(rows) == base
        means = np.where((gain > gate * np.sqrt(spread)) | home, means, -np.inf)
    return np.bincount(means.argmax(axis=1), minlength=rows) / DRAWS
