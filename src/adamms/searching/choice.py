"""The choice of a candidate from answers alone (section 3.3 of the paper), with no label anywhere.

Takes the candidate that a signal scores best (the default is the paper's Algorithm 1), leaves out collapsed
ones, and of a tie takes the smallest alpha; the tie is reported, and so is what every other signal says.
Reads responses and nothing else, whoever wrote them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA
from adamms.responses.parent_answers import DonorAnswers, Opinion
from adamms.responses.responses import Response, Responses
from adamms.searching.answer_table import AnswerTable
from adamms.searching.certainty import certainty_of
from adamms.searching.choosing import MIN_GAIN_SE, Values, subsets, winners, wins
from adamms.searching.consistency import RULES, counts_of
from adamms.searching.selection import CandidateScore, Repeats, Selection
from adamms.searching.side_by_side import compare
from adamms.searching.signal import Signal
from adamms.searching.signals import SUPERVISED, all_signals, find_signal, supervised
from adamms.searching.verdicts import verdict

DEFAULT = "witnesses"
"""The rule that chooses where the donors' own answers are there."""
PAPER = "sum"
"""The rule that chooses elsewhere."""
UNMEASURED = "How good a choice by the rule {} is, its own numbers do not say (docs/signals.md)."

SUBSET = 100
"""Inputs of a repeated draw, at most, where no size is asked for; half of the inputs where that is less."""

REPEATS = 10_000
"""Draws, at most: all are held at once, and no share is known better than by so many."""


def select(
    responses: Responses,
    *,
    rule: str | None = None,
    gated: bool = False,
    metric: str = "exact",
    embedding_model: str | None = None,
    fold_case: bool = False,
    strip: bool = True,
    ends: str | None = None,
    seed: int | None = None,
    repeats: int = 0,
    subset: int | None = None,
    donors: Sequence[DonorAnswers | Mapping[str, Response]] = (),
    opinions: Mapping[str, Opinion] | None = None,
    labels: Mapping[float, Mapping[str, float]] | None = None,
    setting: str = ALPHA,
    base: Mapping[str, Response] | None = None,
) -> Selection:
    """Choose the candidate that a label-free signal scores best.

    Args:
        responses: alpha -> input id -> answer; all candidates must have answered the same inputs.
        rule: a signal's name: `witnesses`, `sum` (Algorithm 1, also `paper`), `any` (Appendix B), `previous`
            (one published script), or another of `adamms.searching.signals`. When left out `witnesses` where
            donors' answers are given, else `sum`; `witnesses` falls back to `sum`, in words, where it lacks
            what it needs.
        gated: leave alpha 0 only for a gain beyond twice its paired standard error over the inputs.
        metric: `exact`, whether two answers are the same text, or `embedding`, how far their meanings are.
        embedding_model: a sentence-transformers model by name or path; all-MiniLM-L6-v2 when left out.
        fold_case: compare in lower case, as the published scripts do.
        strip: leave white space around an answer out of the comparison (the published scripts do not).
        ends: `interior` never chooses the first and the last alpha, `all` scores them by their one neighbour;
            None is what the rule's source does (see `difference_counts`). Other signals score every alpha.
        seed: what the inputs were drawn with; repeats are drawn with it, too (0 when None).
        repeats: choose again on this many random subsets of the inputs.
        subset: inputs a subset; half of them, at most 100, when left out.
        donors: the donors' own answers, by input id, for the rule `witnesses`; alpha 1 stands for the donor
            when left out and there.
        opinions: theta_0's of the parents' answers, by input id.
        labels: alpha -> input id -> how right the answer is, for the rule `labels` (Appendix D).
        setting: what the candidates differ in; of another setting than alpha no value is the base.
        base: the base's own answers where no candidate is the base: alpha 0 is not, if other donors keep
            their weights, or the method trims or drops. Collapse is judged by them, and by the smallest
            value's when left out.

    Raises:
        SearchError: answers are missing, too few candidates, an unknown name, the rule needs what the
            answers lack, or every candidate that could be chosen has collapsed.
    """
    table = AnswerTable.of(
        responses,
        metric=metric,
        embedding_model=embedding_model,
        fold_case=fold_case,
        strip=strip,
        ends=ends,
        donors=[donor if isinstance(donor, DonorAnswers) else DonorAnswers(donor) for donor in donors],
        opinions=opinions,
        labels=labels,
        setting=setting,
        base=base,
    )
    signal, fallback = _chooser(rule, table, donors=bool(donors))
    candidates = _candidates(table, signal.name)
    values = _values(signal, table, fallback)
    home = _scored_base(values, table)
    if gated and home is None:
        raise SearchError(" ".join(filter(None, (fallback, _no_gate(signal, table)))))
    min_gain_se = MIN_GAIN_SE if gated else None
    won = winners(values, allowed=table.sound, base=home, min_gain_se=min_gain_se)
    if not won.any():
        raise SearchError(_none_left(candidates, setting))
    best = [alpha for alpha, is_best in zip(table.alphas, won, strict=True) if is_best]
    alone = _base_values(signal, table, base)
    selection = Selection(
        rule=signal.name,
        metric=metric,
        samples=len(table.ids),
        seed=seed,
        candidates=candidates,
        selected=best[0],
        tied=tuple(best) if len(best) > 1 else (),
        fold_case=fold_case,
        strip=strip,
        ends=_ends(signal, ends),
        notes=(*table.notes, *(signal.remarks(table) if signal.remarks else ())),
        gated=gated,
        signals=compare(table, (*all_signals(), *([supervised()] if labels is not None else []))),
        axis=table.axis,
        base_score=None if alone is None else float(alone.mean()),
        certainty=certainty_of(
            values,
            table.alphas,
            selected=table.alphas.index(best[0]),
            eligible=table.sound & ~np.isnan(values).any(axis=1),
            base=home,
            base_values=alone,
            collapsed=_others_collapsed(table, best[0]),
            distrust=signal.distrust(table) if signal.distrust else UNMEASURED.format(signal.name),
            seed=seed or 0,
        ),
        fallback=fallback,
        repeats=_repeats(
            values, table, base=home, min_gain_se=min_gain_se, count=repeats, size=subset, seed=seed or 0
        ),
    )
    return replace(selection, verdict=verdict(selection))


def _chooser(rule: str | None, table: AnswerTable, *, donors: bool) -> tuple[Signal, str | None]:
    """The signal that chooses, and why it is another than the one asked for."""
    if rule is None and not donors:
        return find_signal(
            PAPER
        ), f"No donor's own answers are there, so the rule {PAPER}, the paper's, chose."
    signal = find_signal(DEFAULT if rule is None else rule)
    lacking = signal.lacks(table) if signal.name == DEFAULT else None
    if lacking is None:
        return signal, None
    return (
        find_signal(PAPER),
        f"The rule {DEFAULT} cannot choose here: {lacking} So the rule {PAPER}, the paper's, chose.",
    )


def _values(signal: Signal, table: AnswerTable, fallback: str | None) -> Values:
    try:
        return signal.values(table)
    except SearchError as error:
        raise SearchError(f"{fallback} {error}" if fallback else str(error)) from None


def _candidates(table: AnswerTable, rule: str) -> tuple[CandidateScore, ...]:
    counts = counts_of(table.gaps, table.alphas, rule=rule if rule in RULES else "sum", ends=table.ends)
    return tuple(
        CandidateScore(
            alpha=count.alpha,
            differences=count.differences,
            previous=count.previous,
            next=count.next,
            disqualified=reason,
            distinct=len(np.unique(codes)),
        )
        for count, codes, reason in zip(counts, table.codes, table.collapsed, strict=True)
    )


def _scored_base(values: Values, table: AnswerTable) -> int | None:
    return table.base if table.base is not None and not np.isnan(values[table.base]).any() else None


def _others_collapsed(table: AnswerTable, selected: float) -> bool:
    others = [
        reason for alpha, reason in zip(table.alphas, table.collapsed, strict=True) if alpha != selected
    ]
    return bool(others) and None not in others


def _ends(signal: Signal, ends: str | None) -> str:
    if "neighbours" not in signal.needs:
        return "all" if signal.scores_base == "yes" else "interior"
    return ends or ("all but the first" if signal.name == "previous" else "interior")


def _base_values(signal: Signal, table: AnswerTable, base: Mapping[str, Response] | None) -> Values | None:
    """The numbers of a base that answered by itself, (inputs,), where the signal can score it."""
    if base is None or signal.name == SUPERVISED:
        return None
    if signal.of_base is not None:
        return signal.of_base(table)
    alone = AnswerTable.of({0.0: {id_: base[id_] for id_ in table.ids}})
    if signal.reads != "itself" or signal.lacks(alone) is not None:
        return None
    values: Values = signal.values(alone)[0]
    return None if np.isnan(values).any() else values


def _no_gate(signal: Signal, table: AnswerTable) -> str:
    if not table.axis.has_base:
        return (
            f"--gated asks whether a candidate beats the base, and no {table.axis.setting} here is the base."
        )
    if table.base is None:
        return "--gated asks whether a candidate beats the base, and alpha 0 is not among the candidates."
    if signal.scores_base == "with ends":
        return f"The rule {signal.name} scores alpha 0 only with --ends all, which --gated therefore needs."
    return f"The rule {signal.name} does not score alpha 0, so --gated has nothing to compare with."


def _none_left(candidates: tuple[CandidateScore, ...], setting: str) -> str:
    reasons = [
        f"  {setting} {candidate.alpha:g}: {candidate.disqualified}"
        for candidate in candidates
        if candidate.disqualified
    ]
    return "\n".join(
        [
            "No candidate can be chosen: every one that the rule scores has collapsed.",
            *reasons,
            f"Try {'smaller alphas' if setting == ALPHA else f'other values of {setting}'}, or a longer "
            "answer limit; these two models may not merge well.",
        ]
    )


def _repeats(
    values: Values,
    table: AnswerTable,
    *,
    base: int | None,
    min_gain_se: float | None,
    count: int,
    size: int | None,
    seed: int,
) -> Repeats | None:
    """The choice on many subsets; the collapse guard is the one of all inputs."""
    if not count:
        return None
    inputs = len(table.ids)
    size = max(1, min(SUBSET, inputs // 2)) if size is None else size
    if not 0 <= count <= REPEATS or not 1 <= size <= inputs:
        raise SearchError(
            f"{count} draws of {size} inputs each cannot be made from {inputs} inputs; "
            f"--subset is from 1 to {inputs}, --repeats from 1 to {REPEATS}."
        )
    columns = subsets(inputs, size=size, count=count, seed=seed)
    rows = wins(values, columns, allowed=table.sound, base=base, min_gain_se=min_gain_se)
    return Repeats(count, size, {alpha: int((rows == row).sum()) for row, alpha in enumerate(table.alphas)})
