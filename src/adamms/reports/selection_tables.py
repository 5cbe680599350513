"""A search's candidates and signals side by side: as rows of text for the page, as tables for the terminal.

Of the signals one row each; with few candidates one column an alpha, the signal's own choice marked. Signals
that the answers do not suffice for are told below with the reason. Words and layout only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from rich.console import Group, RenderableType
from rich.text import Text

from adamms.reports.tables import plain_table
from adamms.reports.wording import number, percent
from adamms.responses.candidates import ALPHA
from adamms.searching import CandidateScore, Selection, SignalScores
from adamms.searching.consistency import RULES
from adamms.searching.signals import SUPERVISED
from adamms.searching.verdicts import how_sure

ACCURACY = "accuracy (not used)"
"""The heading of the column that exists only where true answers were known; no label-free choice sees it."""

WIDE = 8
"""Candidates whose scores fit beside each other on a terminal; of more, the choices alone are shown."""

STYLES = {"chosen": "bold green", "tied": "yellow", "disqualified": "red", "end": "dim", "": ""}


def accuracy_heading(selection: Selection) -> str:
    """The heading of the accuracies, which says whether they chose."""
    return "accuracy (used)" if selection.rule == SUPERVISED else ACCURACY


def meaning(selection: Selection) -> str:
    """What the candidates differ in, for people."""
    return axis_title(selection.setting)


def axis_title(setting: str) -> str:
    """A setting as it stands under an axis."""
    return "alpha, the donor's weight" if setting == ALPHA else setting


@dataclass(frozen=True)
class CandidateRow:
    """One candidate, ready to print."""

    alpha: str
    score: str
    """By the rule that chose; empty where its score is the differences."""
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
    own = selection.signal(selection.rule) if shows_scores(selection) else None
    for candidate in selection.candidates:
        kind, status = _status(selection, candidate)
        score = None if own is None else own.score(candidate.alpha)
        rows.append(
            CandidateRow(
                alpha=f"{candidate.alpha:g}",
                score="" if own is None else "–" if score is None else f"{score:.4f}",
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


def shows_scores(selection: Selection) -> bool:
    """Whether the rule that chose has a score of its own beside the differences of neighbours."""
    return selection.rule not in RULES and selection.signal(selection.rule) is not None


def _status(selection: Selection, candidate: CandidateScore) -> tuple[str, str]:
    if candidate.alpha == selection.selected:
        return "chosen", "chosen"
    if candidate.disqualified:
        return "disqualified", f"disqualified: {candidate.disqualified}"
    if candidate.alpha in selection.tied:
        return "tied", f"tied, larger {selection.setting}"
    own = selection.signal(selection.rule)
    if (candidate.differences if own is None else own.score(candidate.alpha)) is None:
        if selection.reading is not None:
            return "end", "could no longer win, not read"
        # Only consistency scores by neighbours; for another signal an answer lacks a number.
        return "end", "end of the grid, not scored" if selection.rule in RULES else "not scored"
    return "", ""


def candidates_table(
    selection: Selection, *, accuracy: Mapping[float, float] | None = None
) -> RenderableType:
    """One row a candidate, the chosen one marked; accuracies, where given, as a column the search did not
    use."""
    scored, answered = shows_scores(selection), selection.reading is None
    title = "Candidates: in how many answers each differs from its neighbours"
    if scored:
        title = f"Candidates: their scores by the rule {selection.rule}" + (
            ", and in how many answers each differs from its neighbours" if answered else ""
        )
    table = plain_table(title=title)
    table.add_column(selection.setting, justify="right")
    headings = [
        *(["score"] if scored else []),
        *(["differences", "to previous", "to next"] if answered else []),
    ]
    for heading in headings:
        table.add_column(heading, justify="right")
    if accuracy:
        table.add_column(accuracy_heading(selection), justify="right", style="italic", max_width=10)
    table.add_column("status", overflow="fold")
    for row in candidate_rows(selection, accuracy):
        # A mark beside the colour: for a pipe, and for eyes that do not tell green from red.
        mark = "» " if row.kind == "chosen" else ""
        cells = [f"{mark}{row.alpha}", *([row.score] if scored else [])]
        cells += [row.differences, row.previous, row.next] if answered else []
        cells += [row.accuracy] if accuracy else []
        table.add_row(*(Text(cell) for cell in [*cells, row.status]), style=STYLES[row.kind])
    return table


def verdict_text(selection: Selection) -> Text:
    """The verdict, bold where it says what was chosen and how sure that is."""
    text = Text(selection.verdict)
    for start, stop in _bold(selection):
        text.stylize("bold", start, stop)
    return text


def verdict_html(selection: Selection) -> str:
    """The same for a page."""
    words, at = "", 0
    for start, stop in _bold(selection):
        words += f"{escape(selection.verdict[at:start])}<b>{escape(selection.verdict[start:stop])}</b>"
        at = stop
    return words + escape(selection.verdict[at:])


def _bold(selection: Selection) -> list[tuple[int, int]]:
    """Where the verdict says what was chosen and how sure that is."""
    sure = how_sure(selection)
    first = re.split(r"(?<=[.?!]) (?=[A-Z])", selection.verdict, maxsplit=1)[0]
    places = [
        (selection.verdict.find(sentence), len(sentence)) for sentence in (first, *sure[:1]) if sentence
    ]
    return sorted({(start, start + length) for start, length in places if start >= 0})


def other_signals(selection: Selection) -> str:
    """What the signals that did not choose would have chosen, in one line; empty where there are none."""
    others = [
        signal
        for signal in selection.signals
        if signal.selected is not None and signal.name != selection.rule
    ]
    if not others:
        return ""
    by_choice: dict[float, list[str]] = {}
    for signal in others:
        assert signal.selected is not None
        by_choice.setdefault(signal.selected, []).append(signal.name)
    agreeing = len(by_choice.pop(selection.selected, []))
    ranked = sorted(by_choice.items(), key=lambda item: (-len(item[1]), item[0]))
    said = [
        f"{names[0]} says {value:g}" if len(names) == 1 else f"{len(names)} say {value:g}"
        for value, names in ranked
    ]
    counted = f"{agreeing} of {len(others)} agree{'s' if agreeing == 1 else ''}"
    return f"Other signals: {'; '.join([counted, *said])} (--signals shows them)."


def signals_table(selection: Selection) -> RenderableType:
    """All signals, the one that chose marked; empty where the selection knows none."""
    shown = [signal for signal in selection.signals if signal.selected is not None]
    if not shown:
        return Group()
    alphas = [candidate.alpha for candidate in selection.candidates]
    table = plain_table(title="Signals side by side (higher is better; * is what each would choose)")
    table.add_column("signal", no_wrap=True)
    for alpha in alphas if len(alphas) <= WIDE else []:
        table.add_column(f"{alpha:g}", justify="right", no_wrap=True)
    table.add_column("picks", justify="right", no_wrap=True)
    table.add_column("gated", justify="right", no_wrap=True)
    for signal in shown:
        mark = "» " if signal.name == selection.rule else ""
        scores = [_score(signal, alpha) for alpha in alphas] if len(alphas) <= WIDE else []
        cells = [f"{mark}{signal.name}", *scores, f"{signal.selected:g}", _alpha(signal.gated)]
        table.add_row(*map(Text, cells), style="bold" if mark else "")
    return Group(table, *_notes(selection))


def _notes(selection: Selection) -> list[Text]:
    return [
        Text(f"  {signal.name} {signal.note}", style="dim")
        for signal in selection.signals
        if signal.note is not None
    ]


def _score(signal: SignalScores, alpha: float) -> str:
    score = signal.score(alpha)
    if score is None:
        return "–"
    # Without the zero before the point, seven candidates fit in eighty columns.
    short = f"{abs(score):.3f}".removeprefix("0")
    return f"{'*' if alpha == signal.selected else ''}{'-' if score < 0 else ''}{short}"


def _alpha(alpha: float | None) -> str:
    return "–" if alpha is None else f"{alpha:g}"
