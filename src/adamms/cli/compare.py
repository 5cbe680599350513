"""`adamms compare`: several runs or merged models in one table and one page."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, print_json, show
from adamms.cli.options import OUTPUT, Json


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run directories, or folders of merged models; two or more.", metavar="RUN"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write one self-contained HTML page here.", metavar="FILE", rich_help_panel=OUTPUT),
    ] = None,
    json: Json = False,
) -> None:
    """Put runs side by side: what they chose, why, and what they answer.

    Example: `adamms compare run-a run-b --out compare.html`
    """
    from adamms.reports.compare_page import build_comparison
    from adamms.reports.compared_runs import comparison_tables
    from adamms.reports.comparison import compare_runs

    comparison = compare_runs(list(runs))
    page = build_comparison(comparison, out) if out else None
    if json:
        print_json(comparison.to_json())
    else:
        show(*comparison_tables(comparison))
    if page:
        Bars().say(f"The page is {page}.")
