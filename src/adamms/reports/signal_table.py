"""Every signal's scores side by side, for the terminal.

One row a signal; with few candidates one column an alpha, the signal's own choice marked. Signals that the
answers do not suffice for are told below with the reason. Words and layout only.
"""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from adamms.reports.tables import plain_table

if TYPE_CHECKING:
    from adamms.searching import Selection, SignalScores

WIDE = 8
"""Candidates whose scores fit beside each other on a terminal; of more, the choices alone are shown."""


def signals_table(selection: "Selection") -> RenderableType:
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


def _notes(selection: "Selection") -> list[Text]:
    return [
        Text(f"  {signal.name} {signal.note}", style="dim")
        for signal in selection.signals
        if signal.note is not None
    ]


def _score(signal: "SignalScores", alpha: float) -> str:
    score = signal.score(alpha)
    if score is None:
        return "–"
    # Without the zero before the point, seven candidates fit in eighty columns.
    short = f"{abs(score):.3f}".removeprefix("0")
    return f"{'*' if alpha == signal.selected else ''}{'-' if score < 0 else ''}{short}"


def _alpha(alpha: float | None) -> str:
    return "–" if alpha is None else f"{alpha:g}"
