"""A choice by reading as `selection.json` has it: scores, what was read and confirmed, and how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adamms.responses.candidate_opinions import CandidateOpinion
from adamms.responses.candidates import SearchAxis
from adamms.searching.certainty import (
    APART_SE,
    CLEAR,
    CLOSE,
    ONLY,
    UNDECIDED,
    Certainty,
    Margin,
    inputs_needed,
)
from adamms.searching.parents import Parents
from adamms.searching.read_search import ReadScores, alike
from adamms.searching.selection import CandidateScore, Reading, Selection, is_base
from adamms.searching.side_by_side import SignalScores
from adamms.searching.signals.witnesses import reason_for_distrust
from adamms.searching.verdicts import how_sure

INTERVAL_SE = 1.96
"""Standard errors to both sides of a margin that its 95 % interval goes to."""
NOTHING_APART = (
    "The parents say the same on every input, so nothing tells candidates apart; the smallest alpha is taken."
)
NOT_BY_READING = 'By reading alone "do not merge" is often said too early; --exhaustive asks for answers.'
"""On the development pairs such a choice was within a point of the best in 71 %, a clear one in 99 %."""


def chosen_by_reading(
    scores: ReadScores,
    reasons: Mapping[float, str],
    *,
    samples: int,
    seed: int | None,
    rule: str,
    distrust: str | None = None,
    notes: tuple[str, ...] = (),
    base_apart: bool = False,
) -> Selection:
    """The best candidate that was read and has not collapsed; of a tie the smallest alpha.

    Args:
        scores: of all candidates.
        reasons: why candidates have collapsed.
        samples: inputs that the parents answered.
        seed: what the inputs were drawn with.
        rule: the rule's name.
        distrust: why the parents are not to be believed.
        notes: what a reader must know of the parents, a sentence each.
        base_apart: whether alpha 0 is not the base.
    """
    allowed = scores.allowed(reasons)
    best = scores.best(allowed)
    means = scores.means
    tied = tuple(
        alpha
        for alpha, mean, may in zip(scores.alphas, means, allowed, strict=True)
        if may and mean >= means[best] - 1e-12
    )
    read = tuple(alpha for alpha, was in zip(scores.alphas, scores.read, strict=True) if was)
    table = tuple(
        (alpha, float(mean) if was else None)
        for alpha, mean, was in zip(scores.alphas, means, scores.read, strict=True)
    )
    estimates = tuple(
        (alpha, float(mean))
        for alpha, mean, was in zip(scores.alphas, means, scores.read, strict=True)
        if not was
    )
    home = 0 if not base_apart and scores.alphas[0] == 0 else None
    selection = Selection(
        rule=rule,
        metric="exact",
        samples=samples,
        seed=seed,
        candidates=tuple(
            CandidateScore(alpha, None, None, None, reasons.get(alpha), distinct=0) for alpha in scores.alphas
        ),
        selected=scores.alphas[best],
        tied=tied if len(tied) > 1 and scores.tells else (),
        ends="all",
        notes=notes,
        signals=(
            SignalScores(
                rule,
                "the parents' answers",
                table,
                selected=scores.alphas[best],
                note="read, not generated: mean log-probabilities of the parents' answers",
            ),
        ),
        reading=Reading(scores.values.shape[1], read, estimates),
        axis=SearchAxis(base_apart=base_apart),
        certainty=certainty_of_reading(scores, best, allowed, home=home, distrust=distrust),
    )
    return replace(selection, verdict=_sentence(selection))


def certainty_of_reading(
    scores: ReadScores, best: int, allowed: Sequence[bool], *, home: int | None, distrust: str | None
) -> Certainty:
    """How sure a choice by reading is, in the words of `certainty.py`, by the same two standard errors.

    Args:
        scores: of all candidates.
        best: the row that was chosen.
        allowed: the candidates that could be.
        home: the row of the base, where it is a candidate.
        distrust: why the parents are not to be believed.
    """
    others = [place for place, may in enumerate(allowed) if may and place != best]
    leads = {place: scores.lead(best, place) for place in others}
    close = [place for place, (lead, noise) in leads.items() if not lead > APART_SE * noise]
    reasons = () if distrust is None else (distrust,)
    if not others:
        word, reasons = UNDECIDED, (ONLY, *reasons)
    elif not scores.tells:
        word, reasons = UNDECIDED, (NOTHING_APART,)
    elif close:
        base_close = home in close or (best == home and len(close) == len(others))
        word = UNDECIDED if base_close else CLOSE
    elif best == home:
        word, reasons = UNDECIDED, (NOT_BY_READING, *reasons)
    else:
        word = CLEAR if distrust is None else CLOSE
    means = scores.means
    runner_up = max(others, key=lambda place: (means[place], -place)) if others else None
    return Certainty(
        word,
        tuple(scores.alphas[place] for place in close),
        runner_up=None if runner_up is None else _margin(scores.alphas[runner_up], *leads[runner_up]),
        over_base=_margin(scores.alphas[home], *leads[home]) if home is not None and home in leads else None,
        inputs_needed=inputs_needed(*leads[runner_up], inputs=scores.values.shape[1])
        if close and runner_up is not None
        else None,
        wins={},
        reasons=reasons,
    )


def _margin(alpha: float, lead: float, noise: float) -> Margin:
    # Of a single input nothing is known: JSON has no infinity.
    spread = min(INTERVAL_SE * noise, 1e6)
    return Margin(alpha, lead, lead - spread, lead + spread)


def distrust_of_reading(
    scores: ReadScores,
    parents: Parents,
    chances: NDArray[np.float64],
    opinions: Mapping[float, Mapping[str, CandidateOpinion]],
    ids: Sequence[str],
) -> str | None:
    """Why the parents are not to be believed here, as `signals/witnesses.py` has it for answers.

    Args:
        scores: what reading is worth.
        parents: their answers to the inputs that were read.
        chances: how far each is believed, (parents, inputs).
        opinions: alpha -> input id -> what the candidates that were read think of the answers.
        ids: the inputs that were read.
    """
    # A candidate that finds an answer likelier than not would give it.
    heard = [
        max(min(opinion[id_].log_probabilities[1:]) for opinion in opinions.values()) > np.log(0.5)
        for id_ in ids
    ]
    agreement, sure = scores.estimate(
        np.array([np.where(alike(parents.texts), True, heard).astype(float), chances.max(axis=0)])
    )
    return reason_for_distrust(float(agreement), float(sure))


def _sentence(selection: Selection) -> str:
    assert selection.reading is not None
    inputs, read = selection.reading.inputs, len(selection.reading.candidates)
    chosen = f"alpha = {selection.selected:g}" + (" (do not merge)" if is_base(selection) else "")
    words = [
        f"{chosen}: of the {read} candidates that were read it finds the surer parent's answers most "
        f"probable, on {inputs} of {selection.samples} inputs."
    ]
    if selection.tied:
        words.append("Of a tie the smallest alpha is taken.")
    out = [f"{candidate.alpha:g}" for candidate in selection.candidates if candidate.disqualified]
    if out:
        words.append(f"Disqualified as collapsed: {', '.join(out)}.")
    return " ".join([*words, *how_sure(selection, inputs=inputs)])
