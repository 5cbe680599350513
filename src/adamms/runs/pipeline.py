"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. The command line, the Python functions (`api/`) and a YAML file each
make a `Recipe`, and `run` does what it says: one road for all.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints import OutputFolder
from adamms.errors import AdaMMSError, require_packages
from adamms.mapping import ParameterMapping
from adamms.merging import Method
from adamms.merging.journal import holds_progress
from adamms.progress import Progress, Silent
from adamms.recipes.recipe import Recipe
from adamms.runs.loading import LoadedModels, keep_sources, load_models, method_of
from adamms.runs.writing import ADAMMS_JSON, source_files, write_merged

if TYPE_CHECKING:
    from adamms.responses.inputs.source import Records
    from adamms.runs.forecast import Forecast
    from adamms.runs.search_plan import SearchPlan
    from adamms.runs.search_run import SearchResult


@dataclass(frozen=True, repr=False)
class MergeResult:
    """A finished merge and where it lies."""

    path: Path
    mapping: ParameterMapping
    method: Method

    def __repr__(self) -> str:
        alpha = self.method.settings.get("alpha")
        weight = "" if alpha is None else f", alpha = {alpha}"
        return f"MergeResult({self.method.rule.name}{weight}; {self.mapping.brief}; {str(self.path)!r})"


def run(
    recipe: Recipe,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    answers: dict[str, str] | None = None,
    records: "Records | None" = None,
) -> "MergeResult | SearchResult":
    """Do what a recipe says; without a search `out` is the merged model, with one it is the run directory.

    Args:
        recipe: what to do.
        out: the folder to write; it appears there whole or not at all.
        overwrite: replace an earlier output of ours.
        resume: go on with a merge or a search that was killed.
        progress: told how far the run is.
        answers: input id -> true answer, for an accuracy beside each candidate; the search never sees it.
        records: a search's inputs, where they are in memory; the run keeps them and its recipe names those.

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
            loaded = load_models(recipe, models, progress)
            _say_plan(loaded, None, folder, progress)
            return _merge(loaded, folder, method=method, progress=progress)
        # Late: a merge needs none of what a search does.
        from adamms.runs.search_plan import SearchPlan, with_kept_inputs
        from adamms.runs.search_run import run_search

        plan = SearchPlan.of(recipe, folder.path, progress, records=records)
        loaded = load_models(recipe, models, progress)
        if records is not None:
            loaded = replace(loaded, recipe=with_kept_inputs(loaded.recipe))
        _say_plan(loaded, plan, folder, progress)
        return run_search(loaded, folder, plan=plan, progress=progress, answers=answers)


def _say_plan(
    loaded: LoadedModels, plan: "SearchPlan | None", folder: OutputFolder, progress: Progress
) -> None:
    """Four lines on what the run will take; not where it goes on with what is half done."""
    if folder.resumed or isinstance(progress, Silent):
        return
    # Late, as below.
    from adamms.runs import planning

    for line in planning.forecast_of(loaded, plan, folder.path).lines:
        progress.say(line)


def plan_run(recipe: Recipe, out: Path | None = None, *, progress: Progress | None = None) -> "Forecast":
    """What a recipe's run will take, from headers alone; nothing is downloaded and nothing written.

    Raises:
        AdaMMSError: what the run would begin with is wrong: models, mapping, inputs, settings.
    """
    # Late: most runs are not planned.
    from adamms.runs import planning

    return planning.plan_run(recipe, out, progress=progress)


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
            recipe=loaded.recipe,
            resume=folder.resumed,
        )
    except AdaMMSError as error:
        # What is wrong with the input stays wrong; only the machine's faults are worth resuming after.
        wrong = error.exit_code == AdaMMSError.exit_code
        folder.keep_on_failure = not wrong and holds_progress(folder.path)
        raise
    except KeyboardInterrupt:
        folder.keep_on_failure = holds_progress(folder.path)
        if folder.keep_on_failure:
            progress.say("What was merged so far is kept; go on with --resume.")
        raise
    folder.commit()
    return MergeResult(folder.target, loaded.mapping, method)
