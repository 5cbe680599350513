"""The comparison of scores as a person reads it, for the terminal, Markdown, LaTeX and a spreadsheet.

Scores and gains have two decimals, as in the paper: best in bold, second best underlined, a parent's score
above every method's in italics. Draws a finished `ScoreTable` and computes nothing but the rounding.
"""

import csv
import io
from collections.abc import Callable, Sequence
from decimal import Decimal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from adamms.evaluation.score_table import Mark, Score, ScoreRow, ScoreTable, round_gain, round_score

SIGNS: dict[Mark, str] = {"best": "**", "second": "*", "above": "^", "": ""}
"""For a pipe, and for eyes that do not see the style."""

STYLES: dict[Mark, str] = {"best": "bold", "second": "underline", "above": "italic", "": ""}
RANKS = "** best, * second best of the methods"
LEGEND = f"{RANKS}; ^ a parent above all of them; below a score, its gain over the parents' mean"
LEGEND_OF_SUMS = f"{RANKS}; gains over the parents' mean, added up"
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def score_text(table: ScoreTable) -> RenderableType:
    """For a terminal or a pipe: gains stand below their scores."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), collapse_padding=True)
    drawn.add_column("", no_wrap=True)
    widths = [
        max(len(text) for row in table.rows for text in (_score(row.columns[index]), _gain(row.gains[index])))
        for index in range(len(table.tasks) + 1)
    ]
    for heading, width in zip((*table.tasks, "SUM"), widths, strict=True):
        drawn.add_column(Text(" ".join(heading.split()).rjust(width)), no_wrap=True)
    drawn.add_column("Top2", justify="right", no_wrap=True)
    for part in (table.parents, table.methods):
        for row in part:
            cells = [
                _two_lines(score, gain, mark, width=max(width, len(heading) - 2))
                for heading, score, gain, mark, width in zip(
                    (*table.tasks, "SUM"), row.columns, row.gains, row.marks, widths, strict=True
                )
            ]
            name = Text(" ".join(row.name.split())).append(
                f" ({row.role})" if row.role != "method" else "", style="dim"
            )
            drawn.add_row(name, *cells, _top2(row))
        drawn.add_section()
    return Group(drawn, Text(LEGEND if table.parents else LEGEND_OF_SUMS, style="dim"))


def _two_lines(score: Score, gain: Score, mark: Mark, *, width: int) -> Text:
    """The score with its sign and the gain below it, their decimal points below each other."""
    number = _score(score)
    shown = Text.assemble(" " * (width - len(number)), (number, STYLES[mark]), SIGNS[mark])
    return shown if gain is None else shown.append(f"\n{_gain(gain):>{width}}", style="dim")


def score_markdown(table: ScoreTable) -> str:
    """A Markdown table; the cells as in the paper, `51.11 (+4.34)`."""
    wrap: dict[Mark, Callable[[str], str]] = {
        "best": lambda text: f"**{text}**",
        "second": lambda text: f"<ins>{text}</ins>",
        "above": lambda text: f"*{text}*",
        "": lambda text: text,
    }
    lines = [
        ["model", *map(_markdown, table.tasks), "SUM", "Top2"],
        ["---", *["---:"] * (len(table.tasks) + 2)],
    ]
    for row in (*table.parents, *table.methods):
        name = _markdown(row.name) + (f" ({row.role})" if row.role != "method" else "")
        lines.append([name, *_cells(row, wrap, lambda text: f" ({text})"), _top2(row)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def score_latex(table: ScoreTable) -> str:
    """A LaTeX tabular for booktabs: `\\usepackage{booktabs}`."""
    wrap: dict[Mark, Callable[[str], str]] = {
        "best": lambda text: rf"\textbf{{{text}}}",
        "second": lambda text: rf"\underline{{{text}}}",
        "above": lambda text: rf"\textit{{{text}}}",
        "": lambda text: text,
    }
    width = len(table.tasks) + 3

    def line(cells: Sequence[str]) -> str:
        return " & ".join(cells) + r" \\"

    lines = [
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        line(["Model", *map(_latex, table.tasks), "SUM", "Top2"]),
    ]
    for title, rows in (("Original models", table.parents), ("Merged models", table.methods)):
        if rows:
            lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\textit{{{title}}}}} \\"]
        for row in rows:
            name = _latex(row.name) + (" (base)" if row.role == "base" else "")
            cells = _cells(row, wrap, lambda text: rf"\,{{\scriptsize(${text}$)}}")
            lines.append(line([name, *cells, _top2(row)]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def score_csv(table: ScoreTable) -> str:
    """A spreadsheet: every score with its gain beside it, unrounded, no marks; missing values are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = [heading for task in (*table.tasks, "SUM") for heading in (task, f"{task} gain")]
    writer.writerow(["model", *columns, "Top2"])
    for row in (*table.parents, *table.methods):
        pairs = zip(row.columns, row.gains, strict=True)
        writer.writerow([row.name, *(_exact(value) for pair in pairs for value in pair), _top2(row)])
    return out.getvalue()


def _cells(row: ScoreRow, wrap: dict[Mark, Callable[[str], str]], beside: Callable[[str], str]) -> list[str]:
    return [
        wrap[mark](_score(score)) + ("" if gain is None else beside(_gain(gain)))
        for score, gain, mark in zip(row.columns, row.gains, row.marks, strict=True)
    ]


def _score(score: Score) -> str:
    return "–" if score is None else f"{round_score(score)}"


def _gain(gain: Score) -> str:
    # Zero is added for the sake of its sign: there is no gain of -0.00.
    return "" if gain is None else f"{round_gain(gain) + Decimal(0):+}"


def _exact(value: Score) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _top2(row: ScoreRow) -> str:
    return "" if row.top2 is None else str(row.top2)


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{sign}" if sign in r"\`*_[]|<>~" else sign for sign in text)
    return " ".join(escaped.split())


def _latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in " ".join(text.split()))
