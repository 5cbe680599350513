"""Who answers in a run: the engine that its recipe names, and one live model for all its merges."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adamms.answering.engine import Engine, EngineRequest, open_engine
from adamms.answering.sweep import EngineOpener, Merge, Sweep
from adamms.checkpoints import OutputFolder
from adamms.progress import Progress, Silent
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan
from adamms.runs.writing import source_files, write_merged

SCRATCH = "scratch"
"""In a run directory while an engine reads candidates from the disk: the one at hand."""


def open_sweep(
    loaded: LoadedModels,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    others: Sequence[Merge] = (),
    progress: Progress,
) -> Sweep:
    """What answers the questions of a search; nothing is loaded before the first is asked.

    Args:
        loaded: the models and the recipe.
        plan: the questions.
        folder: the run's.
        others: what is asked beside the candidates.
        progress: told where the parents are held.
    """
    return Sweep(
        loaded.parents,
        plan.examples,
        method=loaded.method_at,
        engine=_opener(loaded, folder),
        others=others,
        resident=plan.options.parents,
        say=progress.say,
    )


def _opener(loaded: LoadedModels, folder: OutputFolder) -> EngineOpener:
    options = loaded.recipe.search
    assert options is not None
    scratch = folder.path / SCRATCH
    # What a killed search left there is a candidate that was not asked to its end.
    shutil.rmtree(scratch, ignore_errors=True)
    files = source_files(loaded.parents)

    def opener(changed: Sequence[str], current: Callable[[], Merge]) -> Engine:
        def write(alpha: float, target: Path) -> None:
            target.mkdir(parents=True)
            merge = current()
            write_merged(
                replace(loaded, parents=merge.inputs),
                target,
                method=merge.method,
                selection=None,
                progress=Silent(),
                files=files if merge.inputs is loaded.parents else source_files(merge.inputs),
            )

        request = EngineRequest(
            loaded.base,
            changed,
            options.engine_options,
            command=options.command,
            python=options.engine_python,
            scratch=scratch,
            write=write,
        )
        return open_engine(request, name=options.engine_name)

    return opener
