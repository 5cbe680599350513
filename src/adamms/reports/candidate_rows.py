"""A search's candidates as rows of text, the same for the terminal's table and the page's."""

from collections.abc import Mapping
from dataclasses import dataclass

from adamms.reports.quantities import number, percent
from adamms.responses.candidates import ALPHA
from adamms.searching import CandidateScore, Selection
from adamms.searching.signals import SUPERVISED

ACCURACY = "accuracy (not used)"
"""The heading of the column that exists only where true answers were known; no label-free choice sees it."""


def accuracy_heading(selection: Selection) -> str:
    """The heading of the accuracies, which says whether they chose."""
    return "accuracy (used)" if selection.rule == SUPERVISED else ACCURACY


def meaning(selection: Selection) -> str:
    """What the candidates differ in, for people."""
    return "alpha, the donor's weight" if selection.setting == ALPHA else selection.setting


@dataclass(frozen=True)
class CandidateRow:
    """One candidate, ready to print."""

    alpha: str
    differences: str
    previous: str
    next: str
    accuracy: str
    status: str
    kind: str
    """`chosen`, `tied`, `disqualified`, `end` or empty."""


def candidate_rows(selection: Selection, accuracy: Mapping[float, float] | None = None) -> list[CandidateRow]:
    """One row a candidate, alphas ascending."""
    rows = []
    for candidate in selection.candidates:
        kind, status = _status(selection, candidate)
        rows.append(
            CandidateRow(
                alpha=f"{candidate.alpha:g}",
                differences=number(candidate.differences),
                previous=number(candidate.previous),
                next=number(candidate.next),
                accuracy=percent(accuracy[candidate.alpha])
                if accuracy and candidate.alpha in accuracy
                else "",
                status=status,
                kind=kind,
            )
        )
    return rows


def _status(selection: Selection, candidate: CandidateScore) -> tuple[str, str]:
    if candidate.alpha == selection.selected:
        return "chosen", "chosen"
    if candidate.disqualified:
        return "disqualified", f"disqualified: {candidate.disqualified}"
    if candidate.alpha in selection.tied:
        return "tied", f"tied, larger {selection.setting}"
    own = selection.signal(selection.rule)
    if (candidate.differences if own is None else own.score(candidate.alpha)) is None:
        return "end", "end of the grid, not scored"
    return "", ""
