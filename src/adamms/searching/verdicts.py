"""The choice in words: what was taken, by how much, and whether anything beats the base.

Words only: what is chosen is decided in `choice.py`.
"""

from adamms.searching.certainty import (
    CLEAR,
    CLOSE,
    DO_NOT_MERGE,
    UNDECIDED,
)
from adamms.searching.choosing import MIN_GAIN_SE
from adamms.searching.consistency import RULES
from adamms.searching.selection import Selection, is_base


def verdict(selection: Selection) -> str:
    """The choice in a sentence or a few."""
    consistent = selection.rule in RULES and not selection.gated
    sentences = [_consistency(selection) if consistent else _signal(selection)]
    if selection.tied:
        others = ", ".join(f"{alpha:g}" for alpha in selection.tied if alpha != selection.selected)
        sentences.append(f"It is tied with {others}; the smallest {selection.setting} is taken.")
    out = [f"{candidate.alpha:g}" for candidate in selection.candidates if candidate.disqualified]
    if out:
        sentences.append(f"Disqualified as collapsed: {', '.join(out)}.")
    if selection.fallback is not None:
        sentences.append(selection.fallback)
    sentences += how_sure(selection)
    if selection.repeats is not None:
        sentences.append(_repeats(selection))
    return " ".join(sentences)


def _consistency(selection: Selection) -> str:
    chosen = next(candidate for candidate in selection.candidates if candidate.alpha == selection.selected)
    neighbours = "the previous candidate's" if selection.rule == "previous" else "its neighbours'"
    merge = " (do not merge)" if is_base(selection) else ""
    count = chosen.differences
    differences = "1 difference" if count == 1 else f"{0 if count is None else count:g} differences"
    return (
        f"{selection.setting} = {selection.selected:g}{merge}: on {selection.samples} inputs its answers "
        f"differ least from {neighbours} ({differences} by the rule {selection.rule})."
    )


def _signal(selection: Selection) -> str:
    own = selection.signal(selection.rule)
    score = None if own is None else own.score(selection.selected)
    scored = "" if score is None else f" ({score:.4g} by the rule {selection.rule}"
    if own is None or score is None:
        return f"{selection.setting} = {selection.selected:g}, by the rule {selection.rule}."
    home = selection.base_score if selection.axis.base_apart else own.score(0.0)
    if is_base(selection):
        return f"alpha = 0 (do not merge): on {selection.samples} inputs {_nothing(selection)}{scored})."
    beside = "" if home is None else f"; the base has {home:.4g}"
    margin = f", a gain beyond {MIN_GAIN_SE:g} of its paired standard errors" if selection.gated else ""
    better = ""
    if selection.axis.base_apart and home is not None and home >= score:
        better = " The base alone scores as well: do not merge."
    return (
        f"{selection.setting} = {selection.selected:g}: on {selection.samples} inputs its answers score best"
        f"{scored}{beside}{margin}).{better}"
    )


def _nothing(selection: Selection) -> str:
    own = selection.signal(selection.rule)
    others = [
        candidate for candidate in selection.candidates if candidate.alpha != 0 and not candidate.disqualified
    ]
    if not others:
        return "every candidate has collapsed, so nothing beats the base"
    if selection.gated and own is not None and own.gain is not None and own.gain > 0:
        noise = "" if own.noise is None else f" ± {own.noise:.2g}"
        return f"nothing beats the base beyond its noise; the best gain is {own.gain:.2g}{noise}"
    return "nothing beats the base"


def how_sure(selection: Selection, *, inputs: int | None = None) -> list[str]:
    """The verdict, what cannot be told apart, and what it would take; nothing where it is not known.

    Args:
        selection: the choice.
        inputs: compared; all when left out.
    """
    certainty = selection.certainty
    if certainty is None:
        return []
    alike = ", ".join(f"{alpha:g}" for alpha in certainty.alternatives)
    taken = f"taken is {selection.selected:g}."
    apart = f": {alike} cannot be told apart from it; {taken}" if alike else f"; {taken}"
    read = " that was read" if selection.reading is not None else ""
    verdicts = {
        CLEAR: f"Clear: every other {selection.setting}{read} scores lower beyond twice the noise.",
        CLOSE: f"Close{apart}",
        UNDECIDED: f"Undecided{apart}",
        DO_NOT_MERGE: "Do not merge: every merge scores lower than the base beyond twice the noise."
        if certainty.runner_up
        else "Do not merge: no merge can be chosen.",
    }
    sentences = [verdicts[certainty.verdict], *certainty.reasons]
    if certainty.verdict == UNDECIDED and certainty.inputs_needed is not None:
        needed, compared = certainty.inputs_needed, inputs or selection.samples
        # A search that reads never reads more than it did, however many inputs it is given.
        more = (
            f"it would take {needed} inputs to tell it from the runner-up, and {compared} were read; "
            "--exhaustive asks every candidate everything."
            if read
            else f"{needed - compared} more inputs ({needed} in all) would tell it from the runner-up."
        )
        sentences.append(f"By the margin's noise {more}")
    return sentences


def _repeats(selection: Selection) -> str:
    repeats = selection.repeats
    assert repeats is not None
    ranked = sorted(repeats.wins.items(), key=lambda item: (-item[1], item[0]))
    counts = ", ".join(f"{alpha:g} {count}x" for alpha, count in ranked if count)
    return f"Of {repeats.count} draws of {repeats.size} inputs, chosen: {counts or 'nothing'}."
