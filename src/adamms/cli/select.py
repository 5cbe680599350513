"""`adamms select`: choose from answers that were already generated."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import print_json, show
from adamms.cli.options import Json


def select(
    responses: Annotated[
        list[Path],
        typer.Argument(
            help="A run directory, a folder of alpha=*.jsonl, lmms-eval's sample logs, or VLMEvalKit's "
            "predictions (xlsx, tsv, json)."
        ),
    ],
    rule: Annotated[str, typer.Option(help="How differences are counted: sum, any or previous.")] = "sum",
    metric: Annotated[str, typer.Option(help="How two answers are compared: exact.")] = "exact",
    fold_case: Annotated[bool, typer.Option(help="Ignore upper and lower case.")] = False,
    strip: Annotated[
        bool, typer.Option(help="Leave white space around answers out; the published scripts do not.")
    ] = True,
    ends: Annotated[str | None, typer.Option(help="Candidates that may win: interior, or all.")] = None,
    alpha_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Where the alpha stands in a path or in recorded model arguments, its number in brackets.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Choose alpha from answers already generated; no model is loaded.

    Example: `adamms select run/responses --rule any`
    """
    from adamms.searching import read_responses, select

    answers = read_responses(list(responses), alpha_pattern=alpha_pattern)
    selection = select(answers, rule=rule, metric=metric, fold_case=fold_case, strip=strip, ends=ends)
    if json:
        print_json(selection.to_json())
        return
    from adamms.reports import candidates_table

    show(candidates_table(selection), selection.verdict)
