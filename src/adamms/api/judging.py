"""`evaluate`, `verify`, `compare`: what a model is worth, whether it is whole, several side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adamms.api.merging import Dtype, Inputs, Source
from adamms.api.scores import Scores
from adamms.api.wording import speaks_python
from adamms.progress import Progress, shown

if TYPE_CHECKING:
    from adamms.evaluation.verification import Verification
    from adamms.reports.comparison import Comparison


@speaks_python
def evaluate(
    model: Source,
    inputs: Inputs | None = None,
    *,
    answers: Source | None = None,
    metric: str = "exact",
    samples: int | None = None,
    seed: int = 0,
    prompt: str | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    image_folder: Source | None = None,
    split: str | None = None,
    tasks: str | Sequence[str] = (),
    suite: str | None = None,
    harness: Literal["lmms-eval", "vlmevalkit"] | None = None,
    harness_python: Source | Mapping[str, Source] | None = None,
    include_path: Source | None = None,
    limit: int | None = None,
    max_new_tokens: int = 64,
    batch_size: int = 16,
    device: str | None = None,
    compute_dtype: Dtype | None = None,
    trust_remote_code: bool = False,
    vision_tower: Source | None = None,
    out: Source | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | bool | None = None,
) -> Scores:
    """Score a model on labelled inputs or a harness's tasks, or score answers that are there.

    Args:
        model: a folder or a hub id; or answers, a JSONL file or a run directory.
        inputs: labelled inputs: a file in any form that `adamms inputs` reads, or a list of dicts.
        answers: a file of the true answers by id, where they are not among the inputs.
        metric: how an answer is scored: exact, contains, vqa, anls, choice or yes-no.
        samples: inputs drawn; all when left out.
        seed: of the draw.
        prompt: asked where an input has no prompt of its own.
        columns: role -> the inputs' keys or columns that have it, where names do not tell.
        image_folder: where relative paths of pictures start.
        split: of inputs that are a data set.
        tasks: a harness's tasks, instead of inputs.
        suite: "paper", the paper's nine benchmarks.
        harness: who asks and scores tasks; lmms-eval when left out.
        harness_python: the python of the harness's environment, or one a harness.
        include_path: a folder of further tasks of lmms-eval's.
        limit: the first so many questions of a task.
        max_new_tokens: of the longest answer.
        batch_size: inputs answered together.
        device: such as "cuda:1"; a GPU where there is one when left out.
        compute_dtype: of the arithmetic while answering.
        trust_remote_code: run Python code that the model's folder brings along.
        vision_tower: the model's, where its checkpoint has none.
        out: a folder for the answers and the scores.
        overwrite: replace an earlier evaluation of ours.
        resume: go on with one that was interrupted.
        progress: a bar where a person looks on when left out, none with False, or one of your own.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    from adamms.answering.engine import EngineOptions
    from adamms.errors import EvaluationError
    from adamms.evaluation import task_files
    from adamms.responses.inputs import InputSource

    engine = EngineOptions(
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        dtype=compute_dtype,
        trust_remote_code=trust_remote_code,
        vision_tower=None if vision_tower is None else str(vision_tower),
    )
    showing, folder = shown(progress), None if out is None else Path(out)
    names = tuple(name for name in (tasks.split(",") if isinstance(tasks, str) else tasks) if name)
    if (inputs is None) == (not names and suite is None):
        raise EvaluationError("Name inputs of your own, or a harness's tasks or suite: one of them.")
    if inputs is None:
        from adamms.evaluation.harness_evaluation import HarnessTask, evaluate_with_harness
        from adamms.evaluation.harness_runs import HarnessOptions

        document = evaluate_with_harness(
            str(model),
            HarnessTask(names, harness, suite, _pythons(harness_python)),
            engine=engine,
            options=HarnessOptions(
                include_path=None if include_path is None else Path(include_path), limit=limit
            ),
            out=folder,
            overwrite=overwrite,
            progress=showing,
        )
        return Scores(document)
    source = InputSource(
        inputs,
        prompt=prompt,
        columns={role: tuple(names) for role, names in (columns or {}).items()},
        image_folder=None if image_folder is None else Path(image_folder),
        split=split,
    )
    asked = task_files.TaskFile(
        source, answers=None if answers is None else Path(answers), metric=metric, samples=samples, seed=seed
    )
    if task_files.holds_responses(str(model)):
        evaluations = task_files.evaluate_responses(model, asked)
        return Scores(task_files.report(evaluations, asked, responses=str(model)))
    evaluation = task_files.evaluate_model(
        str(model), asked, engine=engine, out=folder, overwrite=overwrite, resume=resume, progress=showing
    )
    return Scores(task_files.report([evaluation], asked, model=str(model)))


@speaks_python
def verify(folder: Source, *, vision_tower: Source | None = None) -> "Verification":
    """Check that a merged model is complete, finite, changed where it should be, loads and answers.

    Args:
        folder: a merged model, or a search's run directory.
        vision_tower: the model's, where its checkpoint has none.

    Raises:
        CheckpointError: there is no merged model of ours.
    """
    from adamms.checkpoints.merged_folder import merged_folder

    # Before torch is imported, which takes a second.
    merged = merged_folder(folder)
    from adamms.evaluation.verification import verify

    return verify(merged, vision_tower=None if vision_tower is None else str(vision_tower))


@speaks_python
def compare(runs: Sequence[Source], *, out: Source | None = None) -> "Comparison":
    """Put runs or merged models side by side: what they chose, by which recipe, and what they answer.

    Args:
        runs: run directories or folders of merged models; two or more.
        out: a file for one self-contained HTML page.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    from adamms.reports.comparison import compare_runs

    comparison = compare_runs([Path(run) for run in runs])
    if out is not None:
        from adamms.reports.compare_page import build_comparison

        build_comparison(comparison, Path(out))
    return comparison


def _pythons(given: Source | Mapping[str, Source] | None) -> dict[str, str]:
    if given is None:
        return {}
    named = given if isinstance(given, Mapping) else {"": given}
    return {harness: str(path) for harness, path in named.items()}
