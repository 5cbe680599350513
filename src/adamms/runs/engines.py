"""Who answers in a run: the engine that its recipe names, and one live model for all its merges."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adamms.answering.engine import Engine, EngineRequest, open_engine
from adamms.answering.sweep import EngineOpener, Merge, Sweep
from adamms.checkpoints import TensorSource
from adamms.progress import Silent
from adamms.reports.wording import short_name, size
from adamms.responses import Example
from adamms.runs.loading import LoadedModels
from adamms.runs.writing import source_files, write_merged

SCRATCH = "scratch"
"""In a run directory while an engine reads candidates from the disk: the one at hand."""


def open_sweep(
    loaded: LoadedModels,
    examples: Sequence[Example],
    *,
    scratch: Path,
    others: Sequence[Merge] = (),
    say: Callable[[str], None],
) -> Sweep:
    """What answers the questions of a search; nothing is loaded before the first is asked.

    Args:
        loaded: the models and the recipe.
        examples: the questions.
        scratch: a folder of the engine's own; what a killed search left there is removed.
        others: what is asked beside the candidates.
        say: told what is loaded, and where the parents are held.
    """
    options = loaded.recipe.search
    assert options is not None
    return Sweep(
        loaded.parents,
        examples,
        method=loaded.method_at,
        engine=_opener(loaded, scratch, say),
        others=others,
        resident=options.parents,
        say=say,
    )


def _opener(loaded: LoadedModels, scratch: Path, say: Callable[[str], None]) -> EngineOpener:
    options = loaded.recipe.search
    assert options is not None
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
            command_timeout=options.command_timeout,
            python=options.engine_python,
            scratch=scratch,
            write=write,
        )
        say_loading(loaded.base, say)
        return open_engine(request, name=options.engine_name)

    return opener


def say_loading(model: TensorSource, say: Callable[[str], None]) -> None:
    """A word before the seconds or minutes in which a model is loaded and nothing moves."""
    nbytes = sum(info.nbytes for info in model.tensors.values())
    say(f"Loading {short_name(model.source)} ({size(nbytes)}).")
