"""Candidates judged by how probable they find the parents' answers: nothing is generated for it.

    w_b, w_d        how far the base and the donor are believed (`signals/witnesses.py`)
    read(k)         mean over the inputs of
                      both say the same:  1/2 w_b log(p_k(base's) + .1)
                      else:               w_b log(p_k(base's) + .1) + w_d log(p_k(donor's) + .1)
                    estimated from the inputs that were read, each kind by its share of all inputs

p_k is the probability of a whole answer, its end included, under candidate k. Found on the development pairs
of docs/signals.md. Three things make it cheap: the parents disagree on less than half of the inputs, and the
others say little; answers are read and not generated; and log p is a smooth curve along alpha, so the ends
and the middle of the grid are read first and a parabola through them says where it is worth looking.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.responses.candidate_opinions import CandidateOpinion
from adamms.searching.metrics import same_answer
from adamms.searching.parents import Parents, leaders

Table = NDArray[np.float64]

DISAGREEMENTS = 15
AGREEMENTS = 10
"""Inputs that are read, at most: with those on which the parents agree a collapse would go unseen less."""
FLOOR = 0.1
"""Added to a probability: what a candidate finds impossible is not infinitely bad."""
AGREED = 0.5
"""Weight of an input on which the parents agree."""
LONG = 8
"""Tokens from which on an answer counts by its mean log-probability, times so many: of a long answer any two
models' probabilities are all but 0."""


def inputs_to_read(
    ids: Sequence[str],
    texts: Sequence[Sequence[str]],
    *,
    seed: int,
    disagreements: int = DISAGREEMENTS,
    agreements: int = AGREEMENTS,
) -> list[str]:
    """The inputs that candidates are judged on, those on which the parents disagree first.

    Args:
        ids: the inputs.
        texts: of each parent its answers to them, as they are compared.
        seed: of the draw.
        disagreements: inputs on which the parents do not say the same, at most.
        agreements: inputs on which they do, at most.
    """
    same = alike(texts)
    order = random.Random(seed).sample(range(len(ids)), len(ids))
    apart = [ids[place] for place in order if not same[place]][:disagreements]
    return [*apart, *[ids[place] for place in order if same[place]][:agreements]]


@dataclass(frozen=True)
class ReadScores:
    """What candidates think of the parents' answers, as scores: (candidates, inputs), higher is better."""

    alphas: tuple[float, ...]
    values: Table
    read: tuple[bool, ...]
    """Whether a candidate was read; of the others the values are a parabola's."""
    kinds: tuple[tuple[NDArray[np.intp], float], ...]
    """The inputs read on which the parents differ, and agree, each with the share of their kind in all."""

    tells: bool = True
    """Whether the parents differ anywhere; else reading tells nothing, and the smallest alpha is best."""

    @property
    def means(self) -> Table:
        """One score a candidate, as of all inputs."""
        return self.estimate(self.values)

    def lead(self, best: int, other: int) -> tuple[float, float]:
        """How much better one candidate scores than another, and the standard error of that."""
        gap = self.values[best] - self.values[other]
        variance = sum(
            share**2 * float(gap[columns].var(ddof=1)) / len(columns) if len(columns) > 1 else np.inf
            for columns, share in self.kinds
        )
        return float(self.estimate(gap[None])[0]), float(np.sqrt(variance))

    def estimate(self, values: Table) -> Table:
        """The means over all inputs of numbers, (rows, inputs), of those that were read."""
        parts = [share * values[:, columns].mean(axis=1) for columns, share in self.kinds]
        estimate: Table = np.sum(parts, axis=0)
        return estimate

    def allowed(self, out: Collection[float] = ()) -> list[bool]:
        """Which candidates may be chosen: those that were read and are not out."""
        return [read and alpha not in out for alpha, read in zip(self.alphas, self.read, strict=True)]

    def best(self, allowed: Sequence[bool] | None = None) -> int:
        """The best candidate, the smallest alpha of a tie, among those allowed (all when left out)."""
        if not self.tells:
            return 0 if allowed is None else list(allowed).index(True)
        means = self.means if allowed is None else np.where(allowed, self.means, -np.inf)
        return int(np.flatnonzero(means >= means.max() - 1e-12)[0])


def first_to_read(alphas: Sequence[float]) -> list[float]:
    """The ends and the middle of a grid."""
    return sorted({alphas[0], alphas[(len(alphas) - 1) // 2], alphas[-1]})


def next_to_read(scores: ReadScores) -> list[float]:
    """The best candidate and its neighbours, as far as they were not read."""
    best = scores.best()
    around = range(max(best - 1, 0), min(best + 2, len(scores.alphas)))
    return [scores.alphas[place] for place in around if not scores.read[place]]


def read_scores(
    alphas: Sequence[float],
    opinions: Mapping[float, Mapping[str, CandidateOpinion]],
    ids: Sequence[str],
    parents: Parents,
    chances: Table,
    *,
    differing: float | None = None,
) -> ReadScores:
    """The scores of all candidates: of those that were read as they are, of the others by a parabola.

    Args:
        alphas: the candidates, ascending.
        opinions: alpha -> input id -> opinion, of those that were read; three at least, or all.
        ids: the inputs.
        parents: their answers to these inputs.
        chances: how far each parent is believed, (parents, inputs).
        differing: the share of all inputs on which the parents differ; that of those read when left out.
    """
    read = [alpha for alpha in alphas if alpha in opinions and all(id_ in opinions[alpha] for id_ in ids)]
    logs = np.array([[_logs(opinions[alpha][id_]) for id_ in ids] for alpha in read])  # read, inputs, parents
    every = _interpolated(np.array(alphas), np.array(read), logs)
    weights = _weights(parents, chances)  # inputs, parents
    values = (weights * np.log(np.exp(every) + FLOOR)).sum(axis=2)
    apart = ~alike(parents.texts)
    differing = float(apart.mean()) if differing is None else differing
    kinds = ((np.flatnonzero(apart), differing), (np.flatnonzero(~apart), 1 - differing))
    known = [(columns, share) for columns, share in kinds if len(columns)]
    # Of a kind that nobody read nothing is known: the others stand for all.
    total = sum(share for _, share in known)
    return ReadScores(
        tuple(alphas),
        values,
        tuple(alpha in read for alpha in alphas),
        tuple((columns, share / total if total else 1 / len(known)) for columns, share in known),
        bool(apart.any()),
    )


def alike(texts: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """On which inputs all parents say the same, from each one's answers."""
    return np.array(
        [all(same_answer(first, text) for text in others) for first, *others in zip(*texts, strict=True)]
    )


def _logs(opinion: CandidateOpinion) -> list[float]:
    return [
        total if count <= LONG else LONG * mean
        for total, count, mean in zip(opinion.log_probabilities, opinion.tokens, opinion.means, strict=True)
    ]


def _interpolated(alphas: Table, read: Table, logs: Table) -> Table:
    """Log-probabilities of all candidates, (candidates, inputs, parents), never above 0."""
    # What half precision made no number is all but impossible, and bends no parabola.
    logs = np.maximum(logs, -100.0)
    degree = min(2, len(read) - 1)
    flat = logs.reshape(len(read), -1)
    curves = np.polynomial.polynomial.polyfit(read, flat, degree)
    every = np.polynomial.polynomial.polyval(alphas, curves).T.reshape(len(alphas), *logs.shape[1:])
    for place, alpha in enumerate(alphas):
        known = np.flatnonzero(read == alpha)
        if len(known):
            every[place] = logs[known[0]]
    bounded: Table = np.minimum(every, 0.0)
    return bounded


def _weights(parents: Parents, chances: Table) -> Table:
    """What each parent's answer counts, (inputs, parents); an answer given before counts once."""
    own = leaders(parents) == np.arange(len(parents.texts))[:, None]
    agreed = np.where(own.sum(axis=0) == 1, AGREED, 1.0)
    weights: Table = (np.where(own, chances, 0.0) * agreed).T
    return weights
