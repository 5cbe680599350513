"""`adamms select`: choose from answers that were already generated."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.options import (
    EmbeddingModel,
    Ends,
    FoldCase,
    Gated,
    Json,
    Metric,
    Repeats,
    Rule,
    Subset,
)


def select(
    responses: Annotated[
        list[Path], typer.Argument(help="A run directory, a folder of alpha=*.jsonl, or sample logs.")
    ],
    rule: Rule = "sum",
    gated: Gated = False,
    metric: Metric = "exact",
    embedding_model: EmbeddingModel = None,
    fold_case: FoldCase = False,
    strip: Annotated[
        bool, typer.Option(help="Leave white space around answers out; the published scripts do not.")
    ] = True,
    ends: Ends = None,
    repeats: Repeats = 0,
    subset: Subset = None,
    seed: Annotated[int, typer.Option(help="Of the repeated draws.")] = 0,
    donor_answers: Annotated[
        Path | None,
        typer.Option(help="The donor's own answers to the same inputs, for the rule parents; a file."),
    ] = None,
    json: Json = False,
) -> None:
    """Choose alpha from answers already generated; no model is loaded.

    Example: `adamms select run/responses --rule any`
    """
    from adamms.cli.search import show_selection
    from adamms.searching import (
        read_donor_answers,
        read_log_probabilities,
        read_racing,
        read_responses,
        select,
    )

    answers = read_responses(list(responses))
    selection = select(
        answers,
        rule=rule,
        gated=gated,
        metric=metric,
        embedding_model=embedding_model,
        fold_case=fold_case,
        strip=strip,
        ends=ends,
        seed=seed,
        repeats=repeats,
        subset=subset,
        donor=read_donor_answers(donor_answers) if donor_answers is not None else None,
        log_probabilities=read_log_probabilities(responses),
        racing=read_racing(responses),
    )
    if json:
        print_json(selection.to_json())
        return
    show_selection(selection)
