"""`adamms eval`: how well a model answers labelled questions, or how good answers are that are there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adamms.cli.console import Bars, print_json, save_json, show
from adamms.cli.option_groups import AnsweringGroup, InputsGroup, grouped
from adamms.cli.option_values import parse_tasks
from adamms.cli.options import (
    ASKED,
    HARNESSES,
    OUTPUT,
    SCORING,
    Answers,
    BatchSize,
    IncludePath,
    Json,
    Overwrite,
    Resume,
    Tasks,
)

if TYPE_CHECKING:
    from adamms.answering.engine import EngineOptions


@grouped
def eval_(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|RESPONSES",
            help="A model (a folder or a hub id), or answers: a JSONL file, a run directory.",
        ),
    ],
    *,
    asked: InputsGroup,
    answers: Answers = None,
    metric: Annotated[
        str,
        typer.Option(
            help="How an answer is scored: exact, contains, vqa, anls, choice or yes-no.",
            metavar="NAME",
            rich_help_panel=SCORING,
        ),
    ] = "exact",
    out: Annotated[
        Path | None,
        typer.Option(
            help="A folder for the answers and the scores, or a .json file for the scores.",
            metavar="PATH",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Inputs drawn from the file; default: all.", rich_help_panel=ASKED),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.", rich_help_panel=ASKED)] = 0,
    answering: AnsweringGroup,
    batch_size: BatchSize = 16,
    task: Tasks = None,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="paper",
            help="The paper's nine benchmarks, where they can be had.",
            rich_help_panel=HARNESSES,
        ),
    ] = None,
    harness: Annotated[
        Literal["lmms-eval", "vlmevalkit"] | None,
        typer.Option(
            help="Who asks and scores; default: lmms-eval, in a suite whom the paper used.",
            rich_help_panel=HARNESSES,
        ),
    ] = None,
    harness_python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="The python of the harness's environment, or HARNESS=PATH for each; default: lmms-eval "
            "beside adamms.",
            rich_help_panel=HARNESSES,
        ),
    ] = None,
    include_path: IncludePath = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The first so many questions of a harness's task, to try it.",
            rich_help_panel=HARNESSES,
        ),
    ] = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Score a model on labelled inputs or benchmarks, or score answers that are there.

    Examples: `adamms eval run/merged --inputs questions.jsonl --metric vqa --out scores`,
    `adamms eval run/merged --harness lmms-eval --task mme,gqa --out scores`,
    `adamms eval run/merged --suite paper --out scores`
    """
    from adamms.answering.engine import EngineOptions
    from adamms.errors import EvaluationError
    from adamms.evaluation import task_files
    from adamms.reports.evaluation_tables import evaluation_table

    engine = EngineOptions(batch_size=batch_size, **answering.flat())
    inputs = asked.source
    if task is not None or suite is not None:
        if inputs is not None:
            raise EvaluationError("Name --inputs of your own, or a harness's --task or --suite; not both.")
        _by_harness(
            model,
            tasks=parse_tasks(task),
            suite=suite,
            harness=harness,
            pythons=harness_python or [],
            include_path=include_path,
            limit=limit,
            engine=engine,
            out=out,
            overwrite=overwrite,
            json=json,
        )
        return
    if inputs is None:
        raise EvaluationError("Name what to ask: --inputs FILE, a harness's --task NAME, or --suite paper.")
    task_file = task_files.TaskFile(inputs, answers=answers, metric=metric, samples=samples, seed=seed)
    file = out if out is not None and out.suffix == ".json" else None
    if file is not None:
        task_files.check_place(file, overwrite=overwrite)
    if task_files.holds_responses(model):
        if out is not None and file is None:
            raise EvaluationError("Answers that are there are only scored; name a .json file with --out.")
        evaluations = task_files.evaluate_responses(model, task_file)
        source = {"responses": model}
    else:
        evaluations = [
            task_files.evaluate_model(
                model,
                task_file,
                engine=engine,
                out=None if file is not None else out,
                overwrite=overwrite,
                resume=resume,
                progress=Bars(),
            )
        ]
        source = {"model": model}
    document = task_files.report(evaluations, task_file, **source)
    if file is not None:
        save_json(file, document)
    if json:
        print_json(document)
        return
    show(evaluation_table(evaluations))
    if out is not None:
        print(f"scores  {out}")


def _by_harness(
    model: str,
    *,
    tasks: tuple[str, ...],
    suite: str | None,
    harness: Literal["lmms-eval", "vlmevalkit"] | None,
    pythons: list[str],
    include_path: Path | None,
    limit: int | None,
    engine: "EngineOptions",
    out: Path | None,
    overwrite: bool,
    json: bool,
) -> None:
    from adamms.evaluation.harness_evaluation import HarnessTask, evaluate_with_harness, parse_pythons
    from adamms.evaluation.harness_runs import HarnessOptions
    from adamms.reports.evaluation_tables import harness_table

    document = evaluate_with_harness(
        model,
        HarnessTask(tasks, harness, suite, parse_pythons(pythons)),
        engine=engine,
        options=HarnessOptions(include_path=include_path, limit=limit),
        out=out,
        overwrite=overwrite,
        progress=Bars(),
    )
    if json:
        print_json(document)
        return
    show(harness_table(document), wide=True)
    if out is not None:
        print(f"scores  {out}")
