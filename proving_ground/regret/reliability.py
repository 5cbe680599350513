"""How far a verdict holds: what is said of the witnesses' choice, and how often it is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.searching.choosing import NONE, wins
from adamms.searching.metrics import same_answer
from adamms.searching.read_choice import certainty_of_reading
from adamms.searching.signals.witnesses import belief, witnesses
from proving_ground.regret.cells import Cell
from proving_ground.regret.differences import interval
from proving_ground.regret.reading import Reduced, reduced_search
from proving_ground.regret.scoring import accuracies, drawn

VERDICTS = ("clear", "close", "undecided", "do-not-merge")
NEAR = 1.0
"""Percentage points from the best candidate that still count as right."""
APART = 2.0
"""Standard errors of the paired difference beyond which a candidate is told apart from the chosen one."""
HEARD, SURE = 0.5, 0.7
"""The parents are trusted if so many of the donor's answers are some candidate's, and they are so sure."""


@dataclass(frozen=True)
class Said:
    """The verdict of one draw, and what the choice lost."""

    verdict: str
    cell: Cell
    regret: float
    """On the questions that were not drawn."""
    regret_of_all: float
    """On all questions: nearly free of noise, but half of them chose."""


def verdicts(cell: Cell, *, draws: int) -> list[Said]:
    """Return what is said of the choice on each draw."""
    columns = drawn(cell, draws=draws)
    values, sound = witnesses(cell.table), cell.table.sound
    parents = cell.table.parents
    assert parents is not None
    chances = belief(parents).max(axis=0)
    heard = np.array(
        [
            any(same_answer(said, text) for text in texts)
            for said, texts in zip(parents.texts[1], zip(*cell.table.texts, strict=True), strict=True)
        ]
    )
    chosen = wins(values, columns, allowed=sound, base=0)
    rows = np.where(chosen == NONE, 0, chosen).tolist()
    trusted = (heard[columns].mean(axis=1) >= HEARD) & (chances[columns].mean(axis=1) >= SURE)
    said = [
        certainty(values[:, places], row, sound=sound, trusted=bool(believed))
        for row, places, believed in zip(rows, columns, trusted, strict=True)
    ]
    return _said(cell, columns, rows, said)


def read_verdicts(cell: Cell, *, draws: int) -> list[Said]:
    """Return the same by reading alone: the reduced search's numbers of the candidates that it read."""
    columns = drawn(cell, draws=draws)
    choices = reduced_search(cell, columns)
    said = [
        certainty_of_reading(
            choice.scores,
            choice.row,
            (np.array(choice.scores.allowed()) & cell.table.sound).tolist(),
            home=0,
            distrust=_distrust(choice),
        ).verdict
        for choice in choices
    ]
    return _said(cell, columns, [choice.row for choice in choices], said)


def _distrust(choice: Reduced) -> str | None:
    sure = belief(choice.parents).max(axis=0)
    return None if choice.scores.estimate(sure[None])[0] >= SURE else "The parents are unsure."


def _said(cell: Cell, columns: NDArray[np.int64], rows: Sequence[int], said: Sequence[str]) -> list[Said]:
    rest, every = accuracies(cell.right, columns), cell.accuracy
    return [
        Said(
            verdict,
            cell,
            float(100 * (accuracy.max() - accuracy[row])),
            float(100 * (every.max() - every[row])),
        )
        for row, verdict, accuracy in zip(rows, said, rest, strict=True)
    ]


def certainty(values: NDArray[np.float64], row: int, *, sound: NDArray[np.bool_], trusted: bool) -> str:
    """Return the verdict on a choice.

    Args:
        values: the witnesses' scores, (candidates, inputs).
        row: of the chosen candidate; the base's is 0.
        sound: which candidates have not collapsed.
        trusted: whether the parents are.
    """
    difference = values[row] - values
    noise = difference.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    margin = difference.mean(axis=1)
    others = sound & (np.arange(len(values)) != row)
    alternatives = others & ~((margin > APART * noise) & (margin > 1e-12))
    if not alternatives.any():
        if trusted:
            return "clear" if row else "do-not-merge"
        return "close" if row else "undecided"
    if (row and alternatives[0]) or (not row and (alternatives == others).all()):
        return "undecided"
    return "close"


@dataclass(frozen=True)
class Reliability:
    """How often a verdict is said and holds, in percent."""

    verdict: str
    said: float
    right: float
    interval: tuple[float, float]
    """95 %, pairs and seeds drawn anew."""
    right_of_all: float
    regret: float
    pairs: int
    """Pairs and seeds in which it is said at all."""


def reliability(results: Sequence[Said]) -> list[Reliability]:
    """Sum up the verdicts."""
    summed = []
    for verdict in VERDICTS:
        said = [result for result in results if result.verdict == verdict]
        if not said:
            continue
        groups: dict[tuple[str, str], list[bool]] = {}
        for result in said:
            header = result.cell.header
            groups.setdefault((header.pair, header.seed), []).append(result.regret <= NEAR + 1e-9)
        summed.append(
            Reliability(
                verdict,
                said=100 * len(said) / len(results),
                right=100 * float(np.mean([result.regret <= NEAR + 1e-9 for result in said])),
                interval=interval(
                    [100.0 * sum(group) for group in groups.values()],
                    [len(group) for group in groups.values()],
                ),
                right_of_all=100 * float(np.mean([result.regret_of_all <= NEAR + 1e-9 for result in said])),
                regret=float(np.mean([result.regret for result in said])),
                pairs=len(groups),
            )
        )
    return summed
