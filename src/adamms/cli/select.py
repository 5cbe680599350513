"""`adamms select`: choose from answers that were already generated."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.option_groups import ChoosingGroup, grouped
from adamms.cli.options import ASKED, CHOOSING, PARENTS, Json, ShowSignals


@grouped
def select(
    responses: Annotated[
        list[Path],
        typer.Argument(
            help="A run directory, a folder of alpha=*.jsonl, lmms-eval's sample logs, or VLMEvalKit's "
            "predictions (xlsx, tsv, json).",
            metavar="RESPONSES",
        ),
    ],
    *,
    choosing: ChoosingGroup,
    strip: Annotated[
        bool,
        typer.Option(
            help="Leave white space around answers out; the published scripts do not.",
            rich_help_panel=CHOOSING,
        ),
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the repeated draws.", rich_help_panel=CHOOSING)] = 0,
    donor_answers: Annotated[
        list[Path] | None,
        typer.Option(
            help="The donor's own answers to the same inputs, with confidence; a file. Repeat it for several "
            "donors. Default: those that the run kept.",
            metavar="FILE",
            rich_help_panel=PARENTS,
        ),
    ] = None,
    alpha_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Where the alpha stands in a path or in recorded model arguments, its number in brackets.",
            rich_help_panel=ASKED,
        ),
    ] = None,
    signals: ShowSignals = False,
    json: Json = False,
) -> None:
    """Choose alpha from answers already generated; no model is loaded.

    Examples: `adamms select run --rule any`, `adamms select run --labels`,
    `adamms select logs/ --labels --answers answers.jsonl`
    """
    from adamms.cli.search import show_selection
    from adamms.runs.select_run import select_responses

    choice = select_responses(
        responses,
        labels=choosing.labels,
        **choosing.flat(),
        strip=strip,
        seed=seed,
        donor_answers=tuple(donor_answers or ()),
        alpha_pattern=alpha_pattern,
    )
    if json:
        print_json(choice.selection.to_json())
        return
    show_selection(choice.selection, accuracy=choice.accuracy, signals=signals)
