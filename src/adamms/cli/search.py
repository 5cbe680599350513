"""`adamms search`: choose the coefficient without labels, and write the chosen checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adamms.cli.console import Bars, print_json, show, show_forecast, tell_next
from adamms.cli.option_groups import (
    AnsweringGroup,
    ChoosingGroup,
    InputsGroup,
    MappingGroup,
    MergingGroup,
    grouped,
    spelt_as_options,
)
from adamms.cli.option_values import parse_alpha, parse_search, parse_tasks, required_out
from adamms.cli.options import (
    ANSWERING,
    ASKED,
    CHOOSING,
    HARNESSES,
    OUTPUT,
    PARENTS,
    TRIED,
    WORKING,
    AllowPartial,
    Base,
    Donor,
    HarnessPython,
    IncludePath,
    Json,
    Overwrite,
    Plan,
    PlannedOut,
    Resume,
    SearchBatchSize,
    ShowSignals,
    StoredDtype,
    Tasks,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adamms.runs.search_run import SearchResult
    from adamms.searching import Selection


@grouped
def search(
    base: Base,
    donor: Donor,
    out: PlannedOut = None,
    *,
    asked: InputsGroup,
    task: Tasks = None,
    harness: Annotated[
        Literal["lmms-eval"],
        typer.Option(help="Whose tasks the inputs are drawn from.", rich_help_panel=HARNESSES),
    ] = "lmms-eval",
    harness_python: HarnessPython = None,
    include_path: IncludePath = None,
    alphas: Annotated[
        str,
        typer.Option(
            help="Candidates: start:stop:step, or a list 0,0.1,0.3.", metavar="VALUES", rich_help_panel=TRIED
        ),
    ] = "0:0.6:0.1",
    searched: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="NAME=RANGE",
            help="Search another number of the method instead of alpha (density=0.2:0.8:0.2), or the "
            "weight of a further donor (donor2=0:0.4:0.1).",
            rich_help_panel=TRIED,
        ),
    ] = None,
    alpha: Annotated[
        str | None,
        typer.Option(
            help="The donor's weight where --search is about another setting.",
            metavar="ALPHA",
            rich_help_panel=TRIED,
        ),
    ] = None,
    max_bad: Annotated[
        float,
        typer.Option(
            help="The share of inputs that may be left out where a processor refuses them.",
            metavar="SHARE",
            rich_help_panel=ASKED,
        ),
    ] = 0.05,
    samples: Annotated[
        int, typer.Option(help="Inputs drawn from the file or the tasks.", rich_help_panel=ASKED)
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of the draw.", rich_help_panel=ASKED)] = 0,
    choosing: ChoosingGroup,
    merging: MergingGroup,
    mapping: MappingGroup,
    allow_partial: AllowPartial = False,
    dtype: StoredDtype = None,
    answering: AnsweringGroup,
    batch_size: SearchBatchSize = None,
    parents: Annotated[
        Literal["auto", "mapped", "resident"],
        typer.Option(
            help="Read the parents from their files for every candidate, or hold them in memory; auto: "
            "held on a GPU that has room.",
            rich_help_panel=ANSWERING,
        ),
    ] = "auto",
    exhaustive: Annotated[
        bool,
        typer.Option(
            "--exhaustive",
            help="Let every candidate answer every input; otherwise the rule witnesses lets them read.",
            rich_help_panel=CHOOSING,
        ),
    ] = False,
    no_donor: Annotated[
        bool,
        typer.Option(
            "--no-donor",
            help="Do not let the donor answer by itself; alpha 1 in the base's body stands for it.",
            rich_help_panel=PARENTS,
        ),
    ] = False,
    donor_answers: Annotated[
        list[Path] | None,
        typer.Option(
            help="The donor's own answers, given elsewhere; once a donor, in their order.",
            metavar="FILE",
            rich_help_panel=PARENTS,
        ),
    ] = None,
    donor_vision_tower: Annotated[
        str | None,
        typer.Option(
            help="As --vision-tower, of the donor where it answers by itself.",
            metavar="MODEL",
            rich_help_panel=PARENTS,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Who answers: transformers, vllm, or an engine that another package installs.",
            metavar="NAME",
            rich_help_panel=ANSWERING,
        ),
    ] = None,
    engine_python: Annotated[
        str | None,
        typer.Option(
            help="The Python of the engine's own environment, as vLLM has one.",
            metavar="PYTHON",
            rich_help_panel=ANSWERING,
        ),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            help='A program that answers instead: "python answer.py {model} {inputs} {outputs}".',
            metavar="COMMAND",
            rich_help_panel=ANSWERING,
        ),
    ] = None,
    command_timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds that it may go without an answer; an hour by default.",
            metavar="SECONDS",
            rich_help_panel=ANSWERING,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Models that answer at a time, a process and a GPU each; the result is the same.",
            min=1,
            rich_help_panel=WORKING,
        ),
    ] = None,
    executor: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="Where workers run: processes here, or actors of a Ray cluster (adamms[ray]), as many as "
            "it has GPUs unless --workers says otherwise.",
            rich_help_panel=WORKING,
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="The cluster's; the one that runs here, or a new one, when left out.",
            metavar="HOST:PORT",
            rich_help_panel=WORKING,
        ),
    ] = None,
    worker_timeout: Annotated[
        float,
        typer.Option(
            help="Seconds that a worker may be silent before another takes its place.",
            metavar="SECONDS",
            rich_help_panel=WORKING,
        ),
    ] = 1800.0,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Write every candidate's checkpoint.", rich_help_panel=OUTPUT)
    ] = False,
    signals: ShowSignals = False,
    overwrite: Overwrite = False,
    resume: Resume = False,
    plan: Plan = False,
    json: Json = False,
) -> None:
    """Choose alpha without labels, from what the models answer, and write the merge (step 3).

    Examples: `adamms search BASE DONOR --inputs questions.jsonl --out run`,
    `adamms search BASE DONOR --inputs questions.jsonl --rule sum --out run`,
    `adamms search BASE DONOR --task mme --samples 50 --out run`,
    `adamms search BASE DONOR --inputs questions.jsonl --plan`,
    `adamms search BASE DONOR --inputs questions.jsonl --out run --workers 8`,
    `adamms search BASE DONOR --inputs questions.jsonl --out run --resume`
    """
    from adamms.recipes.recipe import recipe_of
    from adamms.runs import pipeline
    from adamms.runs.search_run import SearchResult

    benchmark = {
        "tasks": parse_tasks(task),
        "harness": harness,
        "include_path": include_path,
        "python": harness_python,
    }
    how = answering.flat()
    with spelt_as_options():
        recipe = recipe_of(
            base,
            donor,
            search=True,
            **asked.flat(),
            benchmark=None if task is None else benchmark,
            **{"alphas": alphas, **parse_search(searched)},
            alpha=parse_alpha(alpha),
            samples=samples,
            max_bad=max_bad,
            seed=seed,
            batch_size=batch_size,
            parents=parents,
            exhaustive=exhaustive,
            no_donor=no_donor,
            donor_answers=tuple(donor_answers or ()),
            donor_vision_tower=donor_vision_tower,
            engine=engine,
            engine_python=engine_python,
            command=command,
            command_timeout=command_timeout,
            workers=workers,
            executor=executor,
            ray_address=ray_address,
            worker_timeout=worker_timeout,
            keep_all=keep_all,
            allow_partial=allow_partial,
            **choosing.flat(),
            **merging.flat(),
            **mapping.flat(),
            dtype=dtype,
            compute_dtype=how.pop("dtype"),
            **how,
        )
    if plan:
        show_forecast(pipeline.plan_run(recipe, out, progress=Bars()), json=json)
        return
    result = pipeline.run(recipe, required_out(out), overwrite=overwrite, resume=resume, progress=Bars())
    assert isinstance(result, SearchResult)
    show_search(result, json=json, signals=signals)


def show_search(result: "SearchResult", *, json: bool, signals: bool = False) -> None:
    """Print a finished search: its selection as JSON, or what was chosen and where everything lies."""
    if json:
        print_json(result.selection.to_json())
        return
    show_selection(result.selection, accuracy=result.accuracy, signals=signals)
    print(f"merged model  {result.merged}")
    print(f"report        {result.report}")
    tell_next(result.merged)


def show_selection(
    selection: "Selection", *, accuracy: "Mapping[float, float] | None" = None, signals: bool = False
) -> None:
    """Print a choice: its verdict, its candidates, and what other signals say.

    Args:
        selection: the choice.
        accuracy: alpha -> share of right answers, where they are known.
        signals: every signal's scores in a wide table, instead of a line.
    """
    from adamms.reports.selection_tables import candidates_table, other_signals, signals_table, verdict_text

    show(verdict_text(selection), "", candidates_table(selection, accuracy=accuracy))
    if signals:
        show(signals_table(selection), wide=True)
    elif line := other_signals(selection):
        show(line)
    for note in dict.fromkeys(selection.notes):
        if note not in selection.verdict:
            show(f"Note: {note}")
