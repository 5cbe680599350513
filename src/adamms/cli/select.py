"""`adamms select`: choose from answers that were already generated."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.option_groups import ChoosingGroup, grouped
from adamms.cli.options import ASKED, CHOOSING, PARENTS, Json

if TYPE_CHECKING:
    from adamms.searching import Selection


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
    labels: Annotated[
        Path | None,
        typer.Option(
            help='Choose by true answers instead: JSONL {"id", "answer"}.',
            metavar="FILE",
            rich_help_panel=CHOOSING,
        ),
    ] = None,
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
    json: Json = False,
) -> None:
    """Choose alpha from answers already generated; no model is loaded.

    Example: `adamms select run/responses --rule any`
    """
    from adamms.cli.search import show_selection
    from adamms.responses import (
        read_base_answers,
        read_donor,
        read_donors,
        read_opinions,
        read_responses,
        searched_setting,
    )
    from adamms.searching import select

    plain = choosing == ChoosingGroup(rule=choosing.rule) and labels is None and not donor_answers
    if plain and choosing.rule in (None, "witnesses") and (kept := _chosen_by_reading(responses)) is not None:
        # What candidates read is all that the choice was made of, so this is what it would be again.
        print_json(kept.to_json()) if json else show_selection(kept)
        return
    answers = read_responses(list(responses), alpha_pattern=alpha_pattern)
    how, right = choosing.flat(labels=labels is not None), None
    label_metric = how.pop("label_metric")
    if labels is not None:
        from adamms.evaluation.labels import read_labels
        from adamms.evaluation.scoring import answer_scores

        known = read_labels(labels)
        right = {
            alpha: answer_scores(answered, known, metric=label_metric) for alpha, answered in answers.items()
        }
    selection = select(
        answers,
        **how,
        strip=strip,
        seed=seed,
        donors=tuple(map(read_donor, donor_answers)) if donor_answers else read_donors(responses),
        opinions=read_opinions(responses),
        labels=right,
        setting=searched_setting(list(responses)),
        base=read_base_answers(list(responses)),
    )
    if json:
        print_json(selection.to_json())
        return
    show_selection(selection)


def _chosen_by_reading(responses: list[Path]) -> "Selection | None":
    """The choice of a finished search whose candidates read instead of answering; None of any other."""

    from adamms.checkpoints.json_files import read_json
    from adamms.errors import SearchError
    from adamms.searching import Selection

    for folder in (place for path in responses for place in (path, path.parent)):
        file = folder / "selection.json"
        if not file.is_file():
            continue
        try:
            selection = Selection.from_json(read_json(file))
        except ValueError as error:
            raise SearchError(f"{file} is damaged: {error}.") from None
        return selection if selection.reading is not None else None
    return None
