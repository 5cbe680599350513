"""The choice of a candidate from answers alone (Algorithm 1 of the paper), with no label anywhere.

Counts how each candidate's answers differ from its neighbours', leaves out collapsed ones, and takes the
smallest count; of a tie the smallest alpha, and the tie is reported. Reads responses and nothing else,
whoever wrote them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adamms.errors import SearchError
from adamms.searching.collapse import base_note, disqualification
from adamms.searching.consistency import difference_counts
from adamms.searching.responses import Response, Responses


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
    """All alphas at the minimum, the selected one first; empty when there is only one."""
    fold_case: bool = False
    strip: bool = True
    ends: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The choice in a sentence."""
        return _verdict(self)

    def to_json(self) -> dict[str, Any]:
        """The contents of `selection.json`."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Selection":
        """Read `selection.json` back.

        Raises:
            SearchError: it is not one.
        """
        try:
            fields = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
            fields["candidates"] = tuple(Candidate(**{"distinct": 0, **each}) for each in data["candidates"])
            fields["tied"] = tuple(data["tied"])
            fields["notes"] = tuple(data.get("notes", ()))
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise SearchError(f"This is not a selection.json: {error}.") from None


def select(
    responses: Responses,
    *,
    rule: str = "sum",
    metric: str = "exact",
    fold_case: bool = False,
    strip: bool = True,
    ends: str | None = None,
    seed: int | None = None,
) -> Selection:
    """Choose the candidate whose answers change least between neighbours.

    Args:
        responses: alpha -> input id -> answer; all candidates must have answered the same inputs.
        rule: `sum` (Algorithm 1), `any` (Appendix B) or `previous` (one published script).
        metric: `exact`, whether two answers are the same text.
        fold_case: compare in lower case, as the published scripts do.
        strip: leave white space around an answer out of the comparison (the published scripts do not).
        ends: `interior` never chooses the first and the last alpha, `all` scores them by their one neighbour;
            None is what the rule's source does (see `difference_counts`).
        seed: what the inputs were drawn with, recorded only.

    Raises:
        SearchError: answers are missing, fewer than three candidates, an unknown name, or every candidate
        that
            could be chosen has collapsed.
    """
    ids = _common_ids(responses)
    alphas = sorted(responses)
    ordered = {alpha: [responses[alpha][id_] for id_ in ids] for alpha in alphas}
    texts = {
        alpha: [comparable(answer, fold_case=fold_case, strip=strip) for answer in ordered[alpha]]
        for alpha in alphas
    }
    candidates = tuple(
        Candidate(
            alpha=counts.alpha,
            differences=counts.differences,
            previous=counts.previous,
            next=counts.next,
            disqualified=disqualification(ordered[counts.alpha], ordered[alphas[0]]),
            distinct=len(dict.fromkeys(texts[counts.alpha])),
        )
        for counts in difference_counts(texts, rule=rule, metric=metric, ends=ends)
    )
    best = _best(candidates)
    note = base_note(ordered[alphas[0]])
    return Selection(
        rule=rule,
        metric=metric,
        samples=len(ids),
        seed=seed,
        candidates=candidates,
        selected=best[0],
        tied=tuple(best) if len(best) > 1 else (),
        fold_case=fold_case,
        strip=strip,
        ends=ends or ("all but the first" if rule == "previous" else "interior"),
        notes=(note,) if note else (),
    )


def comparable(response: Response, *, fold_case: bool, strip: bool = True) -> str:
    """The text of an answer as it is compared."""
    text = response.response.strip() if strip else response.response
    return text.lower() if fold_case else text


def _common_ids(responses: Responses) -> list[str]:
    """The inputs, which every candidate must have answered, in the first candidate's order.

    Raises:
        SearchError: there are none, or a candidate lacks some.
    """
    ids = list(dict.fromkeys(id_ for answered in responses.values() for id_ in answered))
    if not ids:
        raise SearchError("There are no answers to choose from.")
    lacking = {alpha: [id_ for id_ in ids if id_ not in responses[alpha]] for alpha in sorted(responses)}
    told = [
        f'alpha {alpha:g} lacks {len(missing)} of {len(ids)} (the first: "{missing[0]}")'
        for alpha, missing in lacking.items()
        if missing
    ]
    if told:
        raise SearchError(
            f"The candidates did not answer the same inputs: {'; '.join(told)}. "
            "Complete the search with --resume, or leave that candidate out."
        )
    return ids


def _best(candidates: Sequence[Candidate]) -> list[float]:
    """All alphas at the smallest count among those that may be chosen, ascending.

    Raises:
        SearchError: none may be chosen.
    """
    eligible = [each for each in candidates if each.differences is not None and not each.disqualified]
    if not eligible:
        reasons = [f"  alpha {each.alpha:g}: {each.disqualified}" for each in candidates if each.disqualified]
        raise SearchError(
            "\n".join(
                [
                    "No candidate can be chosen: every one that the rule scores has collapsed.",
                    *reasons,
                    "Try smaller alphas, or a longer answer limit; these two models may not merge well.",
                ]
            )
        )
    least = min(each.differences for each in eligible if each.differences is not None)
    return [each.alpha for each in eligible if each.differences == least]


def _verdict(selection: Selection) -> str:
    chosen = next(each for each in selection.candidates if each.alpha == selection.selected)
    neighbours = "the previous candidate's" if selection.rule == "previous" else "its neighbours'"
    merge = " (do not merge)" if selection.selected == 0 else ""
    differences = "1 difference" if chosen.differences == 1 else f"{chosen.differences:g} differences"
    sentence = (
        f"alpha = {selection.selected:g}{merge}: on {selection.samples} inputs its answers differ least from "
        f"{neighbours} ({differences} by the rule {selection.rule})."
    )
    if selection.tied:
        others = ", ".join(f"{alpha:g}" for alpha in selection.tied if alpha != selection.selected)
        sentence += f" It is tied with {others}; the smallest alpha is taken."
    out = [each for each in selection.candidates if each.disqualified]
    if out:
        sentence += f" Disqualified as collapsed: {', '.join(f'{each.alpha:g}' for each in out)}."
    return sentence
