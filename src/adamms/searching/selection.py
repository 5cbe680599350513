"""The choice of a candidate from answers alone (section 3.3 of the paper), with no label anywhere.

Takes the candidate that a signal scores best (the default is the paper's Algorithm 1), leaves out collapsed
ones, and of a tie takes the smallest alpha; the tie is reported, and so is what every other signal says.
Reads responses and nothing else, whoever wrote them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA
from adamms.responses.responses import Response, Responses
from adamms.searching.answer_table import AnswerTable
from adamms.searching.choosing import GATE, Values, subsets, winners, wins
from adamms.searching.consistency import RULES, counts_of
from adamms.searching.side_by_side import SignalScores, compare
from adamms.searching.signal import Signal
from adamms.searching.signals import SUPERVISED, all_signals, find_signal, supervised
from adamms.searching.verdicts import verdict

SUBSET = 100
"""Inputs of a repeated draw, at most, where no size is asked for; half of the inputs where that is less."""

REPEATS = 10_000
"""Draws, at most: all are held at once, and no share is known better than by so many."""


@dataclass(frozen=True)
class Candidate:
    """One alpha and how consistent its answers are; None where it is not scored or has no such neighbour."""

    alpha: float
    differences: float | None
    previous: float | None
    next: float | None
    disqualified: str | None
    distinct: int
    """How many different answers it gives."""


@dataclass(frozen=True)
class Repeats:
    """How often each alpha is chosen on random subsets of the inputs."""

    count: int
    """Draws."""
    size: int
    """Inputs a draw."""
    wins: Mapping[float, int]
    """Alpha -> draws in which it is chosen; every candidate is there."""

    def to_json(self) -> dict[str, Any]:
        """The entry `repeats` of `selection.json`."""
        by_name = {f"{alpha:g}": count for alpha, count in self.wins.items()}
        return {"count": self.count, "size": self.size, "wins": by_name}


@dataclass(frozen=True)
class Selection:
    """The chosen alpha and everything it was chosen by; `selection.json` is this."""

    rule: str
    metric: str
    samples: int
    """Inputs compared."""
    seed: int | None
    candidates: tuple[Candidate, ...]
    selected: float
    tied: tuple[float, ...]
    """All alphas at the optimum, the selected one first; empty when there is only one."""
    fold_case: bool = False
    strip: bool = True
    ends: str | None = None
    notes: tuple[str, ...] = ()
    gated: bool = False
    """Whether the base was to be left only for a gain beyond its paired noise."""
    signals: tuple[SignalScores, ...] = ()
    """Every signal side by side, whichever chose."""
    repeats: Repeats | None = None
    setting: str = ALPHA
    """What the candidates differ in; other than alpha, their values go by this name in JSON."""
    base_apart: bool = False
    """Whether the base answered by itself, because no candidate is it."""
    base_score: float | None = None
    """What the rule gives the base alone, where it is no candidate and the rule can score it by itself."""

    @property
    def verdict(self) -> str:
        """The choice in a sentence."""
        return verdict(self)

    def signal(self, name: str) -> SignalScores | None:
        """What one signal says."""
        return next((each for each in self.signals if each.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The contents of `selection.json`."""
        data: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        data["candidates"] = [_renamed(vars(each), "alpha", self.setting) for each in self.candidates]
        data["signals"] = [each.to_json() for each in self.signals]
        data["repeats"] = None if self.repeats is None else self.repeats.to_json()
        if self.setting == ALPHA:
            del data["setting"]
        # That there is such a score, or null, says that the base is no candidate.
        if not data.pop("base_apart"):
            del data["base_score"]
        return {**data, "verdict": self.verdict}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Selection":
        """Read `selection.json` back.

        Raises:
            SearchError: it is not one.
        """
        try:
            known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
            setting = data.get("setting", ALPHA)
            known["base_apart"] = "base_score" in data
            known["candidates"] = tuple(
                Candidate(**{"distinct": 0, **_renamed(each, setting, "alpha")})
                for each in data["candidates"]
            )
            if data["selected"] not in {each.alpha for each in known["candidates"]}:
                raise ValueError(f"the one selected, {data['selected']!r}, is no candidate")
            known["tied"] = tuple(data["tied"])
            known["notes"] = tuple(data.get("notes", ()))
            known["signals"] = tuple(
                SignalScores.from_json(each, setting=setting) for each in data.get("signals", ())
            )
            known["repeats"] = _repeats_from(data.get("repeats"))
            return cls(**known)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SearchError(f"This is not a selection.json: {error}.") from None


def select(
    responses: Responses,
    *,
    rule: str = "sum",
    gated: bool = False,
    metric: str = "exact",
    embedding_model: str | None = None,
    fold_case: bool = False,
    strip: bool = True,
    ends: str | None = None,
    seed: int | None = None,
    repeats: int = 0,
    subset: int | None = None,
    donor: Mapping[str, Response] | None = None,
    labels: Mapping[float, Mapping[str, float]] | None = None,
    setting: str = ALPHA,
    base: Mapping[str, Response] | None = None,
) -> Selection:
    """Choose the candidate that a label-free signal scores best.

    Args:
        responses: alpha -> input id -> answer; all candidates must have answered the same inputs.
        rule: a signal's name: `sum` (Algorithm 1, also `paper`), `any` (Appendix B), `previous` (one
            published script), or another of `adamms.searching.signals`.
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
        donor: the donor's own answers by input id, for agreement with both parents; alpha 1's when left out.
        labels: alpha -> input id -> how right the answer is, for the rule `labels` (Appendix D).
        setting: what the candidates differ in; of another setting than alpha no value is the base.
        base: the base's own answers where no candidate is the base: alpha 0 is not, if other donors keep
            their weights, or the method trims or drops. Collapse is judged by them, and by the smallest
            value's when left out.

    Raises:
        SearchError: answers are missing, too few candidates, an unknown name, the rule needs what the
            answers lack, or every candidate that could be chosen has collapsed.
    """
    signal = find_signal(rule)
    table = AnswerTable.of(
        responses,
        metric=metric,
        embedding_model=embedding_model,
        fold_case=fold_case,
        strip=strip,
        ends=ends,
        donor=donor,
        labels=labels,
        setting=setting,
        base=base,
    )
    candidates = _candidates(table, signal.name)
    values = signal.values(table)
    home = _scored_base(values, table)
    if gated and home is None:
        raise SearchError(_no_gate(signal, table))
    gate = GATE if gated else None
    won = winners(values, allowed=table.sound, base=home, gate=gate)
    if not won.any():
        raise SearchError(_none_left(candidates, setting))
    best = [alpha for alpha, is_best in zip(table.alphas, won, strict=True) if is_best]
    return Selection(
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
        notes=table.notes,
        gated=gated,
        signals=compare(table, (*all_signals(), *([supervised()] if labels is not None else []))),
        setting=setting,
        base_apart=base is not None,
        base_score=_base_score(signal, base),
        repeats=_repeats(values, table, base=home, gate=gate, count=repeats, size=subset, seed=seed or 0),
    )


def _candidates(table: AnswerTable, rule: str) -> tuple[Candidate, ...]:
    counts = counts_of(table.gaps, table.alphas, rule=rule if rule in RULES else "sum", ends=table.ends)
    return tuple(
        Candidate(
            alpha=each.alpha,
            differences=each.differences,
            previous=each.previous,
            next=each.next,
            disqualified=reason,
            distinct=len(np.unique(codes)),
        )
        for each, codes, reason in zip(counts, table.codes, table.collapsed, strict=True)
    )


def _scored_base(values: Values, table: AnswerTable) -> int | None:
    return table.base if table.base is not None and not np.isnan(values[table.base]).any() else None


def _ends(signal: Signal, ends: str | None) -> str:
    if "neighbours" not in signal.needs:
        return "all" if signal.scores_base == "yes" else "interior"
    return ends or ("all but the first" if signal.name == "previous" else "interior")


def _base_score(signal: Signal, base: Mapping[str, Response] | None) -> float | None:
    if base is None or signal.reads != "itself" or signal.name == SUPERVISED:
        return None
    alone = AnswerTable.of({0.0: base})
    score = math.nan if signal.lacks(alone) else float(signal.scores(alone)[0])
    return None if math.isnan(score) else score


def _renamed(data: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in data.items()}


def _no_gate(signal: Signal, table: AnswerTable) -> str:
    if table.base_apart or table.setting != ALPHA:
        return f"--gated asks whether a candidate beats the base, and no {table.setting} here is the base."
    if table.base is None:
        return "--gated asks whether a candidate beats the base, and alpha 0 is not among the candidates."
    if signal.scores_base == "with ends":
        return f"The rule {signal.name} scores alpha 0 only with --ends all, which --gated therefore needs."
    return f"The rule {signal.name} does not score alpha 0, so --gated has nothing to compare with."


def _none_left(candidates: tuple[Candidate, ...], setting: str) -> str:
    reasons = [f"  {setting} {each.alpha:g}: {each.disqualified}" for each in candidates if each.disqualified]
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
    gate: float | None,
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
    rows = wins(values, columns, allowed=table.sound, base=base, gate=gate)
    return Repeats(count, size, {alpha: int((rows == row).sum()) for row, alpha in enumerate(table.alphas)})


def _repeats_from(data: Any) -> Repeats | None:
    if data is None:
        return None
    by_alpha = {float(alpha): int(count) for alpha, count in data["wins"].items()}
    return Repeats(int(data["count"]), int(data["size"]), by_alpha)
