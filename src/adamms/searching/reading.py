"""The cheap search, pure: which inputs candidates read, what their reading is worth, and who is not read.

A candidate need not generate: it reads the parents' answers, teacher-forced, and the more probable it finds
what the surer parent says, the better. Where the parents agree an answer counts half.

    read(i) = mean over x of   agree:   1/2 w log(p_i(answer) + .1)
                               differ:  sum over the different answers a of  w_a log(p_i(a) + .1)

w is the probability that an answer is right as the parents have it (`signals/witnesses.py`), p_i(a) that of
all its tokens, the end included, under candidate i. Source: docs/signals.md, where it loses no more than the
full rule. The log-probabilities of candidates that were not read lie on a parabola through the nearest three
that were.
"""

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from adamms.searching.parents import Parents, Table
from adamms.searching.signals.witnesses import belief, first_speakers

AGREEMENT = 0.5
"""Of an input on which the parents agree, beside one on which they do not."""
FLOOR = 0.1
"""Added to a probability: below it, how improbable an answer is says little."""
DISAGREEMENTS, AGREEMENTS = 20, 10
"""Inputs that are read, at most: on which the parents differ, and agree."""


def differing(parents: Parents) -> NDArray[np.bool_]:
    """Whether the parents' answers to an input are not all the same, (inputs,)."""
    return first_speakers(parents).sum(axis=0) > 1


def inputs_to_read(
    parents: Parents,
    *,
    seed: int,
    disagreements: int = DISAGREEMENTS,
    agreements: int = AGREEMENTS,
) -> list[int]:
    """The columns that candidates read, those on which the parents differ first, each kind in a drawn order.

    Args:
        parents: what they answered, all inputs.
        seed: of the order.
        disagreements: of those on which they differ, at most.
        agreements: of the others, at most.
    """
    columns = list(range(len(parents.texts[0])))
    random.Random(seed).shuffle(columns)
    differ = differing(parents)
    apart = [column for column in columns if differ[column]]
    alike = [column for column in columns if not differ[column]]
    return apart[:disagreements] + alike[:agreements]


def read_values(parents: Parents, log_probabilities: Table, columns: Sequence[int]) -> Table:
    """What each candidate's reading is worth, (candidates, columns); higher is better.

    Args:
        parents: what they answered, all inputs.
        log_probabilities: of each parent's answer, all its tokens and the end together, under each candidate:
            (candidates, parents, columns). Of parents that say the same only the first one's count.
        columns: which inputs were read.
    """
    read = list(columns)
    first = first_speakers(parents)[:, read]
    # Of all inputs: theta_0's taste for a wording is taken from all of them.
    weights = np.where(first, belief(parents)[:, read], 0.0)
    likely = np.log(np.exp(np.minimum(np.where(first, log_probabilities, 0.0), 0.0)) + FLOOR)
    share = np.where(first.sum(axis=0) > 1, 1.0, AGREEMENT)
    values: Table = share * (weights * likely).sum(axis=1)
    return values


def read_score(parents: Parents, log_probabilities: Table, columns: Sequence[int]) -> Table:
    """Each candidate's score, (candidates,): every kind of input weighs as often as it occurs among all.

    Args:
        parents: what they answered, all inputs.
        log_probabilities: as `read_values` takes them.
        columns: which inputs were read.
    """
    values = read_values(parents, log_probabilities, columns)
    differ = differing(parents)
    read = differ[list(columns)]
    score = np.zeros(len(values))
    for kind, share in ((True, differ.mean()), (False, 1 - differ.mean())):
        if (read == kind).any():
            score += share * values[:, read == kind].mean(axis=1)
    return score


def predicted(known: Mapping[float, Table], alpha: float) -> Table:
    """A candidate's log-probabilities by the parabola through the nearest three that were read.

    Args:
        known: alpha -> log-probabilities, of at least one candidate.
        alpha: the candidate that was not read.
    """
    points = sorted(sorted(known, key=lambda point: (abs(point - alpha), point))[:3])
    curve = np.zeros_like(known[points[0]])
    for point in points:
        others = [other for other in points if other != point]
        factor = np.prod([(alpha - other) / (point - other) for other in others])
        curve = curve + factor * known[point]
    return np.minimum(curve, 0.0)
