"""Three witnesses: believe, question by question, the parent that is surer; the parents were not merged.

    c_b, c_d   mean token probability, the end included, of the base's and of the donor's own answer
    o          c^4 / (1 - c^4), c cut at .999: the odds that a parent is right
    r          exp((max(l_b, -12) - max(l_d, -12)) / 4), l theta_0's log-probability of their answers;
               1 where theta_0 was not asked.  o_b is multiplied, o_d divided by it
    P(a | x)   both say a: o_b o_d / (1 + o_b o_d);  only the base: o_b / (1 + o_b + o_d);
               only the donor: o_d / (1 + o_b + o_d);  else 0
    score(i)   mean over x of  P(G_i(x) | x) + 1/2 c_i(x) + 1/4 [share of the merges that answer G_i(x)]

Merging makes a model less sure of answers that stay right, so candidates must not be judged by their own
confidence alone. Source: docs/signals.md, found on its development pairs and reported on others. With several
donors every parent is a witness: each different answer has the product of its speakers' odds, over one plus
the sum of all. "The same" is `same_answer`'s. Theta_0 has a taste for one wording: the median of l_b - l_d
where both say the same in other words is taken off first.

It fails where a parent is surer of answers of the wrong kind, where the donor answers in a style of which no
candidate has a word, and where the confidences of the two are not comparable.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adamms.searching.answer_table import AnswerTable
from adamms.searching.metrics import same_answer
from adamms.searching.parents import Parents, Table, leaders
from adamms.searching.signal import Signal

# Chosen on the development cells of docs/signals.md; 90 settings around them lose 1.8 to 2.7 points there.
POWER = 4
CUT = 0.999
"""Of a confidence: the odds of one that is quite sure are not infinite."""
FLOOR = -12.0
"""Of theta_0's log-probability: below it, it says that it does not know the words."""
TASTE_AT_LEAST = 3
"""Inputs that both parents answer the same in other words, from which theta_0's taste is taken."""

AGREEMENT_AT_LEAST = 0.5
"""Of the inputs: a donor whose answers are nobody's on more of them speaks another language; no remedy tried
chose better than the score as it is, but a choice by it is never called clear."""
BELIEF_AT_LEAST = 0.7
"""Of the surer parent, on average: below it both are at a loss."""


@dataclass(frozen=True)
class Terms:
    """What the score is made of; a weight of 0 leaves a term out."""

    belief: float = 1.0
    """Of P, the probability that the parents give an answer."""
    own: float = 0.5
    """Of the candidate's own confidence."""
    share: float = 0.25
    """Of the share of the merges that say the same."""
    opinion: float = 0.25
    """Theta_0's: the exponent of the ratio that it gives the parents' answers."""


TERMS = Terms()


def witnesses(table: AnswerTable, terms: Terms = TERMS) -> NDArray[np.float64]:
    """The score of each answer, (candidates, inputs)."""
    parents, confidence = table.parents, table.confidence
    assert parents is not None and confidence is not None
    chances = belief(parents, terms)
    believed = np.array([_credit(row, parents, chances) for row in table.texts])
    merges = [row for row in range(len(table.alphas)) if row != table.base and table.sound[row]]
    shared = np.array([_share(row, table, merges) for row in table.texts])
    return terms.belief * believed + terms.own * confidence + terms.share * shared


def base_alone(table: AnswerTable) -> NDArray[np.float64]:
    """The same score of the base that answered by itself, (inputs,)."""
    parents = table.parents
    assert parents is not None
    merges = [row for row in range(len(table.alphas)) if table.sound[row]]
    believed = _credit(parents.texts[0], parents, belief(parents))
    shared = _share(parents.texts[0], table, merges)
    return TERMS.belief * believed + TERMS.own * parents.confidence[0] + TERMS.share * shared


def belief(parents: Parents, terms: Terms = TERMS) -> Table:
    """The probability that each parent's answer is right, (parents, inputs), as all of them have it."""
    sure = np.minimum(parents.confidence, CUT) ** POWER
    log_odds = np.log(np.maximum(sure, 1e-300)) - np.log1p(-sure)
    if parents.opinion is not None and terms.opinion:
        heard = np.maximum(_without_taste(parents, parents.opinion), FLOOR)
        others = (heard.sum(axis=0) - heard) / (len(heard) - 1)
        # Where it was not asked it says nothing.
        log_odds = log_odds + terms.opinion * np.nan_to_num(heard - others, nan=0.0)
    leader = leaders(parents)
    # Of each answer the product of its speakers' odds.
    odds = np.array([np.exp(np.where(leader == row, log_odds, 0.0).sum(axis=0)) for row in leader])
    first = first_speakers(parents)
    chances: Table = odds / (1 + np.where(first, odds, 0.0).sum(axis=0))
    return chances


def first_speakers(parents: Parents) -> NDArray[np.bool_]:
    """Whether a parent is the first to say its answer, (parents, inputs)."""
    leader = leaders(parents)
    return leader == np.arange(len(leader))[:, None]


def donor_agreement(table: AnswerTable) -> float:
    """The share of inputs on which some candidate says the same as the donor; of several the least."""
    assert table.parents is not None
    columns = list(zip(*table.texts, strict=True))

    def share(texts: tuple[str, ...]) -> float:
        agreed = [
            any(same_answer(own, text) for text in column) for own, column in zip(texts, columns, strict=True)
        ]
        return sum(agreed) / len(agreed)

    return min(share(texts) for texts in table.parents.texts[1:])


def distrust(table: AnswerTable) -> str | None:
    """Why the witnesses are not to be believed here, or None."""
    assert table.parents is not None
    sure = float(belief(table.parents).max(axis=0).mean())
    return reason_for_distrust(donor_agreement(table), sure)


def reason_for_distrust(agreement: float, sure: float) -> str | None:
    """Why witnesses are not to be believed, or None.

    Args:
        agreement: the share of inputs on which some candidate says the same as the donor.
        sure: how far the surer parent is believed, on average.
    """
    if agreement < AGREEMENT_AT_LEAST:
        return (
            f"The donor's answer is some candidate's on only {agreement:.0%} of the inputs: its word is "
            "distrusted."
        )
    if sure < BELIEF_AT_LEAST:
        return f"Both parents are at a loss (the surer one's answer is believed to {sure:.0%} on average)."
    return None


def remarks(table: AnswerTable) -> tuple[str, ...]:
    """How often the donor agrees, and who stood in for whom."""
    parents = table.parents
    assert parents is not None
    agreement = f"The donor's answer is some candidate's on {donor_agreement(table):.0%} of the inputs."
    return agreement, *remarks_on_parents(parents)


def remarks_on_parents(parents: Parents) -> tuple[str, ...]:
    """Who stood in for whom, and whether there is anything to gain."""
    sentences = []
    if parents.stand_in:
        sentences.append("Alpha 1 in the base's body stood for the donor, which did not answer itself.")
    if not first_speakers(parents)[1:].any():
        sentences.append("The base and the donor give the same answers: nothing is to gain by merging them.")
    return tuple(sentences)


def _without_taste(parents: Parents, opinion: Table) -> Table:
    """Theta_0's opinion with its preference for the base's or a donor's wording evened out, upwards."""
    base, *donors = parents.texts
    gaps = [0.0]
    for texts, row in zip(donors, opinion[1:], strict=True):
        reworded = [
            column
            for column, (left, right) in enumerate(zip(base, texts, strict=True))
            if left != right and same_answer(left, right) and not np.isnan(row[column])
        ]
        enough = len(reworded) >= TASTE_AT_LEAST
        gaps.append(float(np.median((opinion[0] - row)[reworded])) if enough else 0.0)
    lift = np.array(gaps)
    return opinion + (lift - min(lift.min(), 0.0))[:, None]


def _credit(texts: tuple[str, ...], parents: Parents, chances: Table) -> Table:
    """What the parents believe of these answers: of the first that says the same; 0 where none does."""
    credit = np.zeros(len(texts))
    for column, text in enumerate(texts):
        for said, chance in zip(parents.texts, chances, strict=True):
            if same_answer(text, said[column]):
                credit[column] = chance[column]
                break
    return credit


def _share(texts: tuple[str, ...], table: AnswerTable, merges: list[int]) -> Table:
    """The share of these merges that answer the same text."""
    if not merges:
        return np.zeros(len(texts))
    alike = [[left == right for left, right in zip(table.texts[row], texts, strict=True)] for row in merges]
    share: Table = np.mean(alike, axis=0)
    return share


SIGNAL = Signal(
    witnesses,
    summary="what the surer parent says, question by question, plus own confidence and the merges' vote",
    formula="1/N sum_x P(G_i(x) | x) + 1/2 c_i(x) + 1/4 #{merges that answer G_i(x)} / #merges",
    cost="the parents' answers",
    needs=("parents", "confidence"),
    reads="all",
    of_base=base_alone,
    distrust=distrust,
    remarks=remarks,
    place=0,
)
