"""A choice by reading as `selection.json` has it: scores, what was read and confirmed, and how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adamms.responses.candidate_opinions import CandidateOpinion
from adamms.responses.candidates import SearchAxis
from adamms.searching.certainty import certainty_of
from adamms.searching.parents import Parents
from adamms.searching.read_search import ReadScores
from adamms.searching.selection import CandidateScore, Reading, Selection, is_base
from adamms.searching.side_by_side import SignalScores
from adamms.searching.signals.witnesses import first_speakers, reason_for_distrust
from adamms.searching.verdicts import how_sure

NOT_BY_READING = 'By reading alone "do not merge" is often said too early; --exhaustive asks for answers.'
"""On the development pairs such a choice was within a point of the best in 64 %, a clear one in 93 %."""


def chosen_by_reading(
    scores: ReadScores,
    reasons: Mapping[float, str],
    *,
    samples: int,
    seed: int | None,
    rule: str,
    distrust: str | None = None,
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
        tied=tied if len(tied) > 1 else (),
        ends="all",
        signals=(
            SignalScores(
                rule,
                "the parents' answers",
                table,
                selected=scores.alphas[best],
                note="read, not generated: mean log-probabilities of the parents' answers",
            ),
        ),
        reading=Reading(scores.values.shape[1], read),
        axis=SearchAxis(base_apart=base_apart),
        certainty=certainty_of(
            scores.values,
            scores.alphas,
            selected=best,
            eligible=np.array(allowed),
            base=home,
            distrust=distrust if distrust is not None or best != home else NOT_BY_READING,
            seed=seed or 0,
        ),
    )
    return replace(selection, verdict=_sentence(selection))


def distrust_of_reading(
    parents: Parents,
    chances: NDArray[np.float64],
    opinions: Mapping[float, Mapping[str, CandidateOpinion]],
    ids: Sequence[str],
    *,
    alike: float,
) -> str | None:
    """Why the parents are not to be believed here, as `signals/witnesses.py` has it for answers.

    Args:
        parents: their answers to the inputs that were read.
        chances: how far each is believed, (parents, inputs).
        opinions: alpha -> input id -> what the candidates that were read think of the answers.
        ids: the inputs that were read.
        alike: the share of all inputs on which the parents say the same.
    """
    differ = first_speakers(parents)[1:].any(axis=0)
    sure = chances.max(axis=0)

    def over_all(shares: NDArray[np.float64]) -> float:
        """The mean over all inputs of what is known of those that were read."""
        kinds = ((differ, 1 - alike), (~differ, alike))
        return float(sum(weight * shares[kind].mean() for kind, weight in kinds if kind.any()))

    # A candidate that finds an answer likelier than not would give it.
    heard = [
        max(min(opinion[id_].log_probabilities[1:]) for opinion in opinions.values()) > np.log(0.5)
        for id_ in ids
    ]
    return reason_for_distrust(over_all(np.where(differ, heard, True).astype(float)), over_all(sure))


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
