"""A comparison for the terminal: one row a run, then where their recipes differ."""

from rich.console import RenderableType
from rich.text import Text

from adamms.reports.compare_page import chosen_text, heading
from adamms.reports.comparison import Comparison
from adamms.reports.html import one_line, shown
from adamms.reports.tables import plain_table
from adamms.reports.wording import number, percent


def comparison_tables(comparison: Comparison) -> list[RenderableType]:
    """The runs side by side, laid out for 80 columns."""
    runs = comparison.runs
    known = any(run.accuracy or run.right for run in runs)
    table = plain_table(title="Runs")
    table.add_column("run", overflow="fold")
    for title in (heading(runs), "differences", "of"):
        table.add_column(title, justify="right", overflow="fold")
    if known:
        table.add_column("accuracy (not used)", justify="right", style="italic", max_width=10)
    for title in ("rule", "method", "base <- donor"):
        table.add_column(title, overflow="fold")
    for run in runs:
        differences = run.chosen.differences if run.chosen else None
        samples = run.selection.samples if run.selection else None
        right = run.chosen_accuracy
        cells = [run.name, chosen_text(run, runs), number(differences), number(samples)]
        cells += ["–" if right is None else percent(right)] if known else []
        parents = f"{run.base} <- {run.donor}" if run.donor else run.base
        cells += [run.rule, run.method or "–", parents]
        table.add_row(*(Text(shown(cell)) for cell in cells))
    shown_tables: list[RenderableType] = [table]
    if comparison.differing:
        differing = plain_table(title="Where the recipes differ")
        for title in ("setting", *(run.name for run in runs)):
            differing.add_column(Text(shown(title)), overflow="fold")
        for key, values in comparison.differing.items():
            cells = [key, *("–" if value is None else one_line(str(value), 200) for value in values)]
            differing.add_row(*(Text(shown(cell)) for cell in cells))
        shown_tables.append(differing)
    if grid := comparison.grid:
        shown_tables.append(
            Text(f"{grid.inputs:,} inputs were answered by all that have answers, {grid.unchanged:,} alike.")
        )
    shown_tables += [Text(shown(str(difference))) for difference in comparison.differences]
    return shown_tables
