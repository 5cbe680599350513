"""A plan before the spend: models are opened by their headers, and what a run will take is worked out.

Nothing is downloaded but configs and tokenizers, and no weight is read.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from adamms.progress import Progress, Silent
from adamms.recipes.recipe import Recipe
from adamms.runs.forecast import Forecast
from adamms.runs.loading import LoadedModels, base_is_apart, keep_sources, load_models
from adamms.runs.merge_forecast import merge_forecast

if TYPE_CHECKING:
    from adamms.responses.inputs.source import Records
    from adamms.runs.search_plan import SearchPlan


def plan_run(
    recipe: Recipe,
    out: Path | None = None,
    *,
    progress: Progress | None = None,
    records: "Records | None" = None,
) -> Forecast:
    """What a recipe's run will take, from headers alone.

    Args:
        recipe: the run.
        out: where it would be written; the disk there is tried.
        progress: told what a person should know of the models.
        records: a search's inputs, where they are in memory.

    Raises:
        AdaMMSError: what the run would begin with is wrong: models, mapping, inputs, settings.
    """
    progress = progress or Silent()
    if out is not None:
        keep_sources(recipe, out)
    with ExitStack() as models, TemporaryDirectory(prefix="adamms-plan-") as scratch:
        plan = None
        if recipe.search is not None:
            # Late: a merge has no inputs.
            from adamms.runs.candidate_recipes import candidates_of
            from adamms.runs.search_plan import SearchPlan

            if recipe.search.inputs is None:
                # Drawing them would start the benchmark's harness.
                plan = SearchPlan(recipe.search, candidates_of(recipe), [], base_is_apart(recipe))
            else:
                plan = SearchPlan.of(recipe, Path(scratch), progress, records=records)
        loaded = load_models(recipe, models, progress, headers_only=True)
        return forecast_of(loaded, plan, out or Path(), thorough=True)


def forecast_of(
    loaded: LoadedModels, plan: "SearchPlan | None", out: Path, *, thorough: bool = False
) -> Forecast:
    """What a run will take, a search's where there is a plan of its questions.

    Args:
        loaded: the models, at least their headers.
        plan: the questions and the candidates of a search.
        out: where it is written.
        thorough: whether processors that are at hand are asked what they make of a few inputs.
    """
    if plan is None:
        return merge_forecast(loaded, out)
    # Late, as a merge asks nobody.
    from adamms.runs.search_forecast import search_forecast

    return search_forecast(loaded, plan, out, thorough=thorough)
