"""The curve of a choice: the candidates' scores by the rule that chose, their accuracy where that is known.

The same panels are drawn as SVG into the page and as a PNG for the model card.
"""

from collections.abc import Mapping
from itertools import pairwise

from adamms.reports.axes import Kind
from adamms.reports.plots import Panel, Series
from adamms.reports.png import line_png
from adamms.reports.selection_tables import meaning, shows_scores
from adamms.reports.wording import number, percent
from adamms.searching import Selection
from adamms.searching.signals import SUPERVISED

Accuracy = Mapping[float, float]
"""Candidate -> share of right answers."""


def curve_png(selection: Selection, accuracy: Accuracy | None = None) -> bytes:
    """The curve as a PNG file, 1440 pixels wide, on white.

    Args:
        selection: the choice.
        accuracy: of the candidates, where true answers were known.
    """
    return line_png(curve_panels(selection, accuracy), x_label=meaning(selection), marked=selection.selected)


def curve_panels(selection: Selection, accuracy: Accuracy | None = None) -> list[Panel]:
    """The panels of the curve, from top to bottom.

    Args:
        selection: the choice.
        accuracy: of the candidates, where true answers were known.
    """
    crossed = [candidate.alpha for candidate in selection.candidates if candidate.disqualified]
    panels = []
    own = selection.signal(selection.rule)
    # By labels the score is the accuracy, which has a panel of its own.
    if not (accuracy and selection.rule == SUPERVISED):
        if shows_scores(selection) and own is not None:
            points = [(candidate.alpha, own.score(candidate.alpha)) for candidate in selection.candidates]
            title, label, better = f"Score by the rule {selection.rule}", None, "higher: better"
        else:
            points = [(candidate.alpha, candidate.differences) for candidate in selection.candidates]
            title, label, better = "Differences to neighbours' answers", number, "fewer: better"
        line = Series(points, 1, selection.selected, crossed, _not_read(selection, points))
        kind: Kind = "score" if label is None else "count" if _whole(points) else "amount"
        panels.append(Panel(f"{title} ({better})", [line], label, kind))
    if accuracy:
        right = [(candidate.alpha, accuracy.get(candidate.alpha)) for candidate in selection.candidates]
        used = "" if selection.rule == SUPERVISED else "not "
        line = Series(right, 2, selection.selected, crossed)
        panels.append(Panel(f"Accuracy ({used}used by the search)", [line], percent, "share"))
    return panels


def in_words(selection: Selection, panels: list[Panel]) -> str:
    """The curve for those who do not see it."""
    sentences = []
    for panel in panels:
        for line in panel.series:
            listed = "; ".join(f"{selection.setting} {x:g}: {panel.text(y)}" for x, y in line.known)
            sentences.append(f"{panel.title}: {listed or 'nothing is scored'}.")
    return " ".join([*sentences, f"Chosen: {selection.setting} {selection.selected:g}."])


def _not_read(selection: Selection, points: list[tuple[float, float | None]]) -> list[tuple[float, float]]:
    """Where the line passes the candidates that could no longer win, and so were not read."""
    if selection.reading is None:
        return []
    estimates = dict(selection.reading.estimates)
    known = [(x, y) for x, y in points if y is not None]
    for (x0, y0), (x1, y1) in pairwise(known):
        for x, y in points:
            if y is None and x0 < x < x1:
                estimates.setdefault(x, y0 + (x - x0) / (x1 - x0) * (y1 - y0))
    return sorted(estimates.items())


def _whole(points: list[tuple[float, float | None]]) -> bool:
    return all(y is None or isinstance(y, int) or y.is_integer() for _, y in points)
