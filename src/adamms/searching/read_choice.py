"""A choice by reading as `selection.json` has it: scores, what was read and confirmed, and how sure it is."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from adamms.searching.read_search import ReadScores
from adamms.searching.selection import CandidateScore, Reading, Selection
from adamms.searching.side_by_side import SignalScores


def chosen_by_reading(
    scores: ReadScores,
    reasons: Mapping[float, str],
    *,
    samples: int,
    seed: int | None,
    rule: str,
) -> Selection:
    """The best candidate that was read and has not collapsed; of a tie the smallest alpha.

    Args:
        scores: of all candidates.
        reasons: why candidates have collapsed.
        samples: inputs that the parents answered.
        seed: what the inputs were drawn with.
        rule: the rule's name.
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
    )
    return replace(selection, verdict=_sentence(selection, scores, best, allowed))


def _sentence(selection: Selection, scores: ReadScores, best: int, allowed: list[bool]) -> str:
    assert selection.reading is not None
    inputs, read = selection.reading.inputs, len(selection.reading.candidates)
    chosen = f"alpha = {selection.selected:g}" + (" (do not merge)" if selection.selected == 0 else "")
    words = [
        f"{chosen}: of the {read} candidates that were read it finds the surer parent's answers most "
        f"probable, on {inputs} of {selection.samples} inputs."
    ]
    alike = alternatives(scores, best, allowed)
    if alike:
        words.append(f"Cannot be told apart from it: {', '.join(f'{alpha:g}' for alpha in alike)}.")
    if selection.tied:
        words.append("Of a tie the smallest alpha is taken.")
    out = [f"{each.alpha:g}" for each in selection.candidates if each.disqualified]
    if out:
        words.append(f"Disqualified as collapsed: {', '.join(out)}.")
    return " ".join(words)


def alternatives(scores: ReadScores, best: int, allowed: list[bool]) -> tuple[float, ...]:
    """The candidates that were read and differ from the best by less than two paired standard errors."""
    alike = []
    for place, alpha in enumerate(scores.alphas):
        if place == best or not allowed[place]:
            continue
        gap = scores.values[best] - scores.values[place]
        error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else np.inf
        if gap.mean() <= 2 * error:
            alike.append(alpha)
    return tuple(alike)
