"""Choosing by reading, on recorded answers: how probable the candidates find what the parents say.

Which inputs and candidates are read and what that is worth is the product's (`adamms.searching.read_search`):
the ends and the middle of the grid first; a parabola predicts the others; then the winner and its neighbours
are read really. Only the order of calls is repeated here (`adamms.runs.read_run`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adamms.responses.candidate_opinions import CandidateOpinion
from adamms.searching.metrics import same_answer
from adamms.searching.parents import Parents
from adamms.searching.read_search import (
    ReadScores,
    alike,
    first_to_read,
    inputs_to_read,
    next_to_read,
    read_scores,
)
from adamms.searching.signals.witnesses import belief
from proving_ground.regret.cells import Cell

Values = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Reduced:
    """The choice of the reduced search on one draw, and what it cost."""

    row: int
    scores: ReadScores
    """Of the candidates, on the inputs that were read."""
    parents: Parents
    """What they answer to these."""
    prompts: int
    """Read by candidates, of the drawn inputs: as many as there are of them make a pass of one model."""


def everything_read(cell: Cell, *, deaf: bool = False) -> Values:
    """Return what every candidate's reading of every input is worth, (candidates, inputs)."""
    parents = _parents(cell, range(len(cell.table.ids)), deaf=deaf)
    scores = read_scores(cell.alphas, _opinions(cell), cell.table.ids, parents, belief(parents))
    return scores.values


def reduced_search(cell: Cell, columns: Rows, *, deaf: bool = False) -> list[Reduced]:
    """Choose on each draw (draws, size); with `deaf` theta_0 is not heard."""
    return [_reduced(cell, drawn, seed=number, deaf=deaf) for number, drawn in enumerate(columns)]


def reduced_rows(cell: Cell, columns: Rows, *, deaf: bool = False) -> Rows:
    """Return the candidates that the reduced search takes, (draws,)."""
    return np.array([choice.row for choice in reduced_search(cell, columns, deaf=deaf)])


def _reduced(cell: Cell, drawn: Rows, *, seed: int, deaf: bool) -> Reduced:
    assert cell.table.parents is not None
    drawn_ids = [cell.table.ids[column] for column in drawn]
    texts = [[spoken[column] for column in drawn] for spoken in cell.table.parents.texts]
    ids = inputs_to_read(drawn_ids, texts, seed=seed)
    places = dict(zip(drawn_ids, drawn.tolist(), strict=True))
    parents = _parents(cell, [places[id_] for id_ in ids], deaf=deaf)
    chances, opinions = belief(parents), _opinions(cell)
    read = first_to_read(cell.alphas)
    differing = 1 - float(alike(texts).mean())

    def scores() -> ReadScores:
        known = {alpha: opinions[alpha] for alpha in read}
        return read_scores(cell.alphas, known, ids, parents, chances, differing=differing)

    read += next_to_read(scores())
    final = scores()
    # The product sees a collapse where the winner confirms; here it is known beforehand.
    allowed = (np.array(final.allowed()) & cell.table.sound).tolist()
    apart = sum(not same_answer(*said) for said in zip(*parents.texts, strict=True))
    # Alpha 0 has said its own answers already, so it reads the donor's where they differ.
    prompts = (len(read) - 1) * len(ids) + apart
    return Reduced(final.best(allowed) if any(allowed) else 0, final, parents, prompts)


@lru_cache(maxsize=1)
def _opinions(cell: Cell) -> dict[float, dict[str, CandidateOpinion]]:
    assert cell.table.parents is not None
    lengths = [[len(text.split()) + 1 for text in spoken] for spoken in cell.table.parents.texts]
    return {
        alpha: {
            id_: CandidateOpinion(
                alpha,
                id_,
                tuple(cell.read[row, :, column].tolist()),
                tuple(length[column] for length in lengths),
            )
            for column, id_ in enumerate(cell.table.ids)
        }
        for row, alpha in enumerate(cell.alphas)
    }


def _parents(cell: Cell, columns: Sequence[int], *, deaf: bool) -> Parents:
    """Return what the parents say on these inputs."""
    parents = cell.table.parents
    assert parents is not None
    kept = list(columns)
    heard = None if deaf or parents.opinion is None else parents.opinion[:, kept]
    return replace(
        parents,
        texts=tuple(tuple(texts[column] for column in kept) for texts in parents.texts),
        confidence=parents.confidence[:, kept],
        opinion=heard,
    )
