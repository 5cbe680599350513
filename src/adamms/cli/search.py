"""`adamms search`: choose the coefficient without labels, and write the chosen checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adamms.cli.console import Bars, print_json, show
from adamms.cli.options import (
    AllowPartial,
    Arithmetic,
    Base,
    Device,
    Donor,
    Duplicates,
    EmbeddingModel,
    Ends,
    Exclude,
    FoldCase,
    Force,
    FurtherDonors,
    Gated,
    HarnessPython,
    IncludePath,
    Json,
    LabelMetric,
    MappingFile,
    MaxNewTokens,
    MaxShardSize,
    MethodName,
    Metric,
    Overwrite,
    Pretrained,
    Repeats,
    Resume,
    Rule,
    SearchBatchSize,
    Settings,
    Subset,
    Tasks,
    Threads,
    TrustRemoteCode,
    VisionTower,
    Vocabulary,
    parse_alpha,
    parse_donors,
    parse_search,
    parse_settings,
    parse_tasks,
    supervised,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adamms.runs.pipeline import SearchResult
    from adamms.searching import Selection


def search(
    base: Base,
    donor: Donor,
    out: Annotated[
        Path, typer.Option(help="The run directory to write; the merged model is in its merged/.")
    ],
    inputs: Annotated[
        Path | None,
        typer.Option(help='Unlabelled inputs, JSONL: {"id"?, "image", "prompt"}; or --task.'),
    ] = None,
    task: Tasks = None,
    harness: Annotated[
        Literal["lmms-eval"], typer.Option(help="Whose tasks the inputs are drawn from.")
    ] = "lmms-eval",
    harness_python: HarnessPython = None,
    include_path: IncludePath = None,
    alphas: Annotated[
        str, typer.Option(help="Candidates: start:stop:step, or a list 0,0.1,0.3.")
    ] = "0:0.6:0.1",
    searched: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="NAME=RANGE",
            help="Search another number of the method instead of alpha (density=0.2:0.8:0.2), or the "
            "weight of a further donor (donor2=0:0.4:0.1).",
        ),
    ] = None,
    alpha: Annotated[
        str | None, typer.Option(help="The donor's weight where --search is about another setting.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Inputs drawn from the file or the tasks.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    metric: Metric = "exact",
    embedding_model: EmbeddingModel = None,
    rule: Rule = "sum",
    labels: Annotated[
        bool,
        typer.Option("--labels", help='Choose by the true answers ("answer") of the drawn inputs instead.'),
    ] = False,
    label_metric: LabelMetric = "exact",
    gated: Gated = False,
    ends: Ends = None,
    fold_case: FoldCase = False,
    repeats: Repeats = 0,
    subset: Subset = None,
    donors: FurtherDonors = None,
    method: MethodName = "linear",
    settings: Settings = None,
    pretrained: Pretrained = None,
    mapping: MappingFile = None,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Exclude = None,
    allow_partial: AllowPartial = False,
    force: Force = False,
    max_new_tokens: MaxNewTokens = 64,
    batch_size: SearchBatchSize = None,
    device: Device = None,
    dtype: Arithmetic = None,
    trust_remote_code: TrustRemoteCode = False,
    vision_tower: VisionTower = None,
    max_shard_size: MaxShardSize = None,
    threads: Threads = None,
    parents: Annotated[
        Literal["auto", "mapped", "resident"],
        typer.Option(
            help="Read the parents from their files for every candidate, or hold them in memory; auto: "
            "held on a GPU that has room."
        ),
    ] = "auto",
    exhaustive: Annotated[
        bool,
        typer.Option(
            "--exhaustive",
            help="Ask every candidate every input, as every search does so far.",
        ),
    ] = False,
    command: Annotated[
        str | None,
        typer.Option(help='A program that answers instead: "python answer.py {model} {inputs} {outputs}".'),
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Write every candidate's checkpoint.")] = False,
    overwrite: Overwrite = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Choose alpha without labels, by generation consistency or another signal, and write the model (step 3).

    Example: `adamms search BASE DONOR --inputs questions.jsonl --out run`
    """
    from adamms.recipes.recipe import make_recipe
    from adamms.runs import pipeline

    recipe = make_recipe(
        base=base,
        donor=donor,
        donors=parse_donors(donors),
        pretrained=pretrained,
        force=force,
        mapping={
            "duplicates": duplicates,
            "vocabulary": vocabulary,
            "exclude": exclude or (),
            "allow_partial": allow_partial,
            "file": mapping,
        },
        merge={
            "method": method,
            "alpha": parse_alpha(alpha),
            "settings": parse_settings(settings),
            "max_shard_size": max_shard_size,
            "threads": threads,
        },
        search={
            "inputs": inputs,
            "benchmark": {
                "tasks": parse_tasks(task),
                "harness": harness,
                "include_path": include_path,
                "python": harness_python,
            }
            if task is not None
            else None,
            "alphas": alphas,
            **parse_search(searched),
            "samples": samples,
            "seed": seed,
            "metric": metric,
            "embedding_model": embedding_model,
            "rule": supervised(rule) if labels else rule,
            "label_metric": label_metric,
            "gated": gated,
            "ends": ends,
            "fold_case": fold_case,
            "repeats": repeats,
            "subset": subset,
            "max_new_tokens": max_new_tokens,
            "batch_size": batch_size,
            "device": device,
            "dtype": dtype,
            "trust_remote_code": trust_remote_code,
            "vision_tower": vision_tower,
            "parents": parents,
            "exhaustive": exhaustive,
            "command": command,
            "keep_all": keep_all,
        },
    )
    result = pipeline.run(recipe, out, overwrite=overwrite, resume=resume, progress=Bars())
    assert isinstance(result, pipeline.SearchResult)
    show_search(result, json=json)


def show_search(result: "SearchResult", *, json: bool) -> None:
    """Print a finished search: its selection as JSON, or the table and where everything lies."""
    if json:
        print_json(result.selection.to_json())
        return
    show_selection(result.selection, accuracy=result.accuracy)
    print(f"merged model  {result.merged}")
    print(f"report        {result.report}")


def show_selection(selection: "Selection", *, accuracy: "Mapping[float, float] | None" = None) -> None:
    """Print a choice: its candidates, every signal side by side, and the verdict."""
    from adamms.reports import candidates_table, signals_table

    show(candidates_table(selection, accuracy=accuracy), signals_table(selection), selection.verdict)
    for note in selection.notes:
        show(f"Note: {note}")
