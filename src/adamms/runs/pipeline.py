"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. The command line, the Python functions (`api.py`) and a YAML file each
make a `Recipe`, and `run` does what it says: one road for all.
"""

import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from adamms.answering.resume_state import ASKED, check_unchanged
from adamms.checkpoints import OutputFolder
from adamms.errors import AdaMMSError, CheckpointError, require_packages
from adamms.mapping import ParameterMapping
from adamms.merging import Method, check_merge
from adamms.progress import Progress, Silent
from adamms.recipes.recipe import Recipe
from adamms.responses import Example, Responses, format_alpha
from adamms.responses.reading import RECIPE
from adamms.runs.base_answers import THE_BASE, base_answers
from adamms.runs.candidate_recipes import with_candidate
from adamms.runs.engines import SCRATCH, engine_opener
from adamms.runs.loading import LoadedModels, keep_sources, load_models, method_of
from adamms.runs.resume_guard import check_same_recipe
from adamms.runs.search_plan import SearchPlan
from adamms.runs.search_run import collect_responses
from adamms.runs.writing import (
    ADAMMS_JSON,
    require_unchanged,
    source_files,
    write_json,
    write_merged,
)
from adamms.searching import Selection, select
from adamms.version import __version__

MERGED = "merged"


@dataclass(frozen=True)
class MergeResult:
    """A finished merge and where it lies."""

    path: Path
    mapping: ParameterMapping
    method: Method


@dataclass(frozen=True)
class SearchResult:
    """A finished search: the run directory, the choice, and the accuracies where answers were known."""

    path: Path
    mapping: ParameterMapping
    selection: Selection
    accuracy: dict[float, float] | None

    @property
    def merged(self) -> Path:
        """The chosen candidate's checkpoint."""
        return self.path / MERGED

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.path / "report.html"


def run(
    recipe: Recipe,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    answers: dict[str, str] | None = None,
) -> MergeResult | SearchResult:
    """Do what a recipe says; without a search `out` is the merged model, with one it is the run directory.

    Args:
        recipe: what to do.
        out: the folder to write; it appears there whole or not at all.
        overwrite: replace an earlier output of ours.
        resume: go on with a merge or a search that was killed.
        progress: told how far the run is.
        answers: input id -> true answer, for an accuracy beside each candidate; the search never sees it.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    progress = progress or Silent()
    searching = recipe.search is not None
    if recipe.search is not None:
        # With a command it is the command that answers, in an environment of its own.
        require_packages("torch", *(() if recipe.search.command else ("transformers",)))
    marker = "selection.json" if searching else ADAMMS_JSON
    keep_sources(recipe, out)
    # The output's place is claimed first: nobody should download two models to learn that it is taken.
    with (
        OutputFolder.open(
            out, overwrite=overwrite, resume=resume, marker=marker, keep_on_failure=searching
        ) as folder,
        ExitStack() as models,
    ):
        if folder.discarded:
            progress.say(
                "An interrupted run was found and is begun anew; --resume would have gone on with it."
            )
        for note in recipe.notes:
            progress.say(note)
        # Nor should what an interrupted run left be lost to a slip in the next command.
        folder.keep_on_failure = folder.resumed
        if recipe.search is None:
            method = method_of(recipe)
            return _merge(load_models(recipe, models, progress), folder, method=method, progress=progress)
        plan = SearchPlan.of(recipe, folder, progress)
        loaded = load_models(recipe, models, progress)
        return _search(loaded, folder, plan=plan, progress=progress, answers=answers)


def _merge(loaded: LoadedModels, folder: OutputFolder, *, method: Method, progress: Progress) -> MergeResult:
    folder.keep_on_failure = True
    try:
        write_merged(
            loaded,
            folder.path,
            method=method,
            selection=None,
            progress=progress,
            files=source_files(loaded.parents),
            resume=folder.resumed,
        )
    except AdaMMSError as error:
        # What is wrong with the input stays wrong; only the machine's faults are worth resuming after.
        folder.keep_on_failure = error.exit_code != AdaMMSError.exit_code
        raise
    except KeyboardInterrupt:
        progress.say("What was merged so far is kept; go on with --resume.")
        raise
    (folder.path / RECIPE).write_text(loaded.recipe.to_yaml(), encoding="utf-8")
    folder.commit()
    return MergeResult(folder.target, loaded.mapping, method)


def _search(
    loaded: LoadedModels,
    folder: OutputFolder,
    *,
    plan: SearchPlan,
    progress: Progress,
    answers: dict[str, str] | None,
) -> SearchResult:
    # Late: the pages need jinja2, and merging alone does not.
    from adamms.reports import build_report

    options, alphas, examples = plan.options, plan.alphas, plan.examples
    for alpha in alphas:
        check_merge(loaded.parents, loaded.method_at(alpha))
    check_same_recipe(folder.path / RECIPE, loaded.recipe)
    check_unchanged(
        folder.path,
        loaded.parents.checkpoints,
        examples,
        vision_tower=options.vision_tower,
        mapping=loaded.recipe.mapping.file,
    )
    write_json(folder.path / "mapping.json", loaded.mapping.to_json())
    log = _Log(folder.path / "log.jsonl")
    log("started", version=__version__, inputs=len(examples), candidates=len(alphas))
    files = source_files(loaded.parents)
    responses = collect_responses(loaded, plan, folder, progress=progress)
    try:
        require_unchanged(loaded.parents, files)
    except CheckpointError:
        # Answers of models that no longer exist are not worth resuming with.
        folder.keep_on_failure = False
        raise
    log("answered", answers=sum(map(len, responses.values())))
    labelled = plan.labels is not None
    base = None
    if plan.base_apart:
        base = base_answers(
            loaded,
            examples,
            folder.path / "responses",
            engine=engine_opener(loaded, folder, method=lambda _: THE_BASE),
            progress=progress,
        )
    selection = select(
        responses,
        **plan.choice,
        labels={alpha: plan.right(each) for alpha, each in responses.items()} if labelled else None,
        base=base,
    )
    write_json(folder.path / "selection.json", selection.to_json())
    log("selected", **{selection.setting: selection.selected}, tied=list(selection.tied))
    shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    accuracy = _accuracy(responses, examples, answers)
    if accuracy:
        by_alpha = {f"{alpha:g}": value for alpha, value in accuracy.items()}
        write_json(folder.path / "accuracy.json", by_alpha)

    def write(target: Path, merge: Recipe, chosen: Selection | None) -> None:
        """The checkpoint of one merge, with the recipe that makes it again without a search."""
        target.mkdir(parents=True, exist_ok=True)
        method = method_of(merge)
        write_merged(loaded, target, method=method, selection=chosen, progress=progress, files=files)
        (target / RECIPE).write_text(merge.to_yaml(), encoding="utf-8")

    write(folder.path / MERGED, with_candidate(loaded.recipe, selection.selected), selection)
    if options.keep_all:
        for alpha in alphas:
            name = f"{options.setting}={format_alpha(alpha)}"
            write(folder.path / "candidates" / name, with_candidate(loaded.recipe, alpha), None)
    log("finished")
    build_report(folder.path)
    # Nothing is left to resume.
    (folder.path / ASKED).unlink()
    folder.commit()
    return SearchResult(folder.target, loaded.mapping, selection, accuracy)


def _accuracy(
    responses: Responses, examples: list[Example], answers: dict[str, str] | None
) -> dict[float, float] | None:
    """The share of right answers a candidate, where the true answers are known; never read by the choice."""
    from adamms.evaluation.labels import Label
    from adamms.evaluation.scoring import evaluate

    known = answers or {example.id: example.answer for example in examples if example.answer is not None}
    if any(example.id not in known for example in examples):
        return None
    labels = {id_: Label((answer,)) for id_, answer in known.items()}
    return {alpha: evaluate(answered, labels).total.score for alpha, answered in responses.items()}


class _Log:
    """`log.jsonl`: what happened when, one JSON line an event."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, **facts: object) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
