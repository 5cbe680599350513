"""The steps that a walk tried, for the terminal: what each gained, and whether it was taken."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from adamms.reports.tables import STYLES, plain_table

if TYPE_CHECKING:
    from adamms.searching.walk import Step, Walk


def walk_table(walk: "Walk") -> Table:
    """One row a step, those taken marked; gains are of the rule's score."""
    table = plain_table(title=f"Walk by {walk.by}: {walk.passes} of {walk.budget} passes")
    for name in walk.names:
        table.add_column(name, justify="right")
    for heading in ("gain", "noise", "chance"):
        table.add_column(heading, justify="right")
    table.add_column("status", overflow="fold")
    for step in walk.steps:
        mark = "» " if step.accepted else ""
        values = [f"{value:g}" for value in step.point]
        cells = [f"{mark}{values[0]}", *values[1:], *_figures(step), _status(step)]
        table.add_row(*map(Text, cells), style=STYLES["chosen"] if mark else "")
    return table


def _figures(step: "Step") -> list[str]:
    if step.gain is None or step.noise is None or step.chance is None:
        return ["–"] * 3
    return [f"{step.gain:+.4f}", f"{step.noise:.4f}", f"{step.chance:.3f}"]


def _status(step: "Step") -> str:
    if step.disqualified:
        return f"disqualified: {step.disqualified}"
    return "taken" if step.accepted else ""
