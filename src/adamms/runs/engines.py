"""Who answers in a run: the engine that its recipe names, opened for what a method changes."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from adamms.answering.engine import Engine, EngineRequest, open_engine
from adamms.answering.sweep import EngineOpener
from adamms.checkpoints import OutputFolder
from adamms.merging import Method
from adamms.progress import Silent
from adamms.runs.loading import LoadedModels
from adamms.runs.writing import source_files, write_merged

SCRATCH = "scratch"
"""In a run directory while an engine reads candidates from the disk: the one at hand."""


def engine_opener(
    loaded: LoadedModels, folder: OutputFolder, *, method: Callable[[float], Method]
) -> EngineOpener:
    """Opens the engine of the recipe's search, for candidates that a method makes at each alpha."""
    options = loaded.recipe.search
    assert options is not None
    scratch = folder.path / SCRATCH
    # What a killed search left there is a candidate that was not asked to its end.
    shutil.rmtree(scratch, ignore_errors=True)
    files = source_files(loaded.parents)

    def write(alpha: float, target: Path) -> None:
        target.mkdir(parents=True)
        write_merged(loaded, target, method=method(alpha), selection=None, progress=Silent(), files=files)

    def opener(changed: Sequence[str]) -> Engine:
        request = EngineRequest(loaded.base, changed, options.engine_options, options.command, scratch, write)
        return open_engine(request, name=options.engine_name)

    return opener
