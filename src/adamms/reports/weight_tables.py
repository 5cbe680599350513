"""Tables of what weights tell: whether models share an ancestor, and what a discovery recognised.

Draws plain data and computes nothing but ranges.
"""

from collections.abc import Iterable
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from adamms.reports.tables import plain_table
from adamms.reports.wording import short_name

if TYPE_CHECKING:
    from adamms.mapping.ancestor import WeightSimilarity
    from adamms.mapping.discovery import Discovery
    from adamms.mapping.findings import Finding

STYLES = {"related": "green", "distant": "yellow", "unrelated": "bold red", "unknown": "dim"}


def similarity_table(similarities: "Iterable[WeightSimilarity]") -> RenderableType:
    """One row a pair of models: how alike their weights are, and the verdict."""
    table = plain_table(
        title="Do they share an ancestor? (cosine of sampled weights: relatives near 1, strangers near 0)",
        gap=1,
    )
    table.add_column("models", overflow="fold")
    for heading in ("similarity", "lowest", "highest", "tensors"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for similarity in similarities:
        values = list(similarity.tensors.values())
        figures = (
            ["-"] * 3
            if similarity.mean_cosine is None
            else [f"{value:.3f}" for value in (similarity.mean_cosine, min(values), max(values))]
        )
        table.add_row(
            Text(f"{short_name(similarity.one)}, {short_name(similarity.other)}"),
            *figures,
            f"{len(values)}",
            Text(similarity.verdict, style=STYLES[similarity.verdict]),
        )
    return table


def discovery_table(discovery: "Discovery") -> RenderableType:
    """One row a role: how many tensors were recognised, and how surely."""
    from adamms.mapping.grouping import layer_ranges

    table = plain_table(title=f"Recognised in {short_name(discovery.source)} by its weights", gap=1)
    table.add_column("slot", overflow="fold", min_width=14)
    table.add_column("layers", overflow="fold")
    for heading in ("tensors", "similarity", "confidence"):
        table.add_column(heading, justify="right")
    table.add_column("for example", overflow="fold")
    groups: dict[tuple[str, bool], list[Finding]] = {}
    for finding in discovery.findings:
        groups.setdefault((finding.slot.role, finding.slot.is_duplicate), []).append(finding)
    for (role, duplicate), findings in sorted(groups.items(), key=_order):
        first = findings[0]
        table.add_row(
            Text(f"{role}, duplicate" if duplicate else role),
            layer_ranges(finding.slot.layer for finding in findings if finding.slot.layer is not None),
            f"{len(findings):,}",
            f"{fmean(finding.similarity for finding in findings):.3f}",
            f"{min(finding.confidence for finding in findings):.3f}",
            Text(f"{first.tensor} {first.rows[0]}:{first.rows[1]}"),
        )
    text = Text(
        f"Compared with {short_name(discovery.reference)}; similarity is the mean, confidence the least. "
        "A proposal: read it, edit the saved mapping if need be, and give it to merge --mapping.",
        style="dim",
    )
    return Group(table, text)


def _order(group: "tuple[tuple[str, bool], list[Finding]]") -> tuple[bool, bool, str]:
    (role, duplicate), findings = group
    return findings[0].slot.layer is not None, duplicate, role
