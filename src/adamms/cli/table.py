"""`adamms table`: scores in, the paper's table out."""

from typing import Annotated, Literal

import typer

from adamms.cli.console import print_json, show
from adamms.cli.options import OUTPUT, SCORING, Json


def table(
    scores: Annotated[
        list[str],
        typer.Argument(
            help='JSON {"base", "donor", "tasks": [..], "rows": {name: [score per task]}}, or CSV: a line a '
            "model, a column a task; of several files the gains are added up. Or NAME=PATH for each model, "
            "base and donor first: what `adamms eval`, lmms-eval or VLMEvalKit kept of it.",
            metavar="SCORES",
        ),
    ],
    form: Annotated[
        Literal["text", "markdown", "latex", "csv", "json"],
        typer.Option("--format", help="What to print.", rich_help_panel=OUTPUT),
    ] = "text",
    base: Annotated[
        str | None,
        typer.Option(
            "--base-row",
            help="The base's row; default: the file's own, or the first.",
            metavar="NAME",
            rich_help_panel=SCORING,
        ),
    ] = None,
    donor: Annotated[
        str | None,
        typer.Option(
            "--donor-row",
            help="The donor's row; default: the file's own, or the second.",
            metavar="NAME",
            rich_help_panel=SCORING,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make the paper's table from scores: gains over the parents, SUM, Top2.

    Example: `adamms table scores.json --format latex`
    """
    from adamms.evaluation.score_files import read_scores
    from adamms.evaluation.score_gathering import gather_scores, split_sources
    from adamms.evaluation.score_summaries import summed_gains
    from adamms.evaluation.score_table import score_table
    from adamms.reports.score_tables import score_csv, score_latex, score_markdown, score_text

    sources = split_sources(scores)
    if sources is None:
        tables = [score_table(read_scores(file, base=base, donor=donor)) for file in scores]
    else:
        tables = [score_table(gather_scores(sources, base=base, donor=donor))]
    compared = summed_gains(tables) if len(tables) > 1 else tables[0]
    if json or form == "json":
        print_json(compared.to_json())
    elif form == "text":
        show(score_text(compared), wide=True)
    else:
        write = {"markdown": score_markdown, "latex": score_latex, "csv": score_csv}
        print(write[form](compared), end="")
