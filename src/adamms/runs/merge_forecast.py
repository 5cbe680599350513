"""What a merge will take, from headers and a moment of writing: also the end of every search."""

from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints.auxiliary_files import companions_size
from adamms.checkpoints.shard_plan import plan_shards
from adamms.recipes.recipe import Recipe
from adamms.runs.disk_speed import write_speed
from adamms.runs.forecast import MERGING, Forecast
from adamms.runs.loading import LoadedModels, method_of

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

MERGE_STARTS = 0.5
"""Seconds until a merge reads its first block."""


def merge_forecast(loaded: LoadedModels, out: Path) -> Forecast:
    """What a merge will take.

    Args:
        loaded: the models, at least their headers.
        out: where it is written.
    """
    written, fetched = written_bytes(loaded), fetched_bytes(loaded)
    seconds = None if fetched else merge_seconds(loaded, out, written)
    return Forecast(
        candidates=1,
        inputs=0,
        passes=0.0,
        asked=(),
        prompt_tokens=0.0,
        tokens_read=0,
        tokens_written=0,
        download_bytes=fetched,
        disk_bytes=fetched + written,
        memory_per_worker_bytes=MERGING,
        gpus_per_model=0,
        gpu_bytes=0,
        workers=1,
        seconds=seconds,
        seconds_at_most=seconds,
    )


def written_bytes(loaded: LoadedModels) -> int:
    """Bytes of one checkpoint as it is written."""
    options = loaded.recipe.merge
    plans = plan_shards(loaded.base, dtype=options.dtype, max_shard_size=options.max_shard_size)
    return sum(plan.size for plan in plans) + companions_size(loaded.base)


def fetched_bytes(loaded: LoadedModels) -> int:
    """What is still to be fetched of all models."""
    models: dict[str, TensorSource] = {model.pinned: model for model in loaded.parents.checkpoints}
    return sum(download_bytes(model) for model in models.values())


def merge_seconds(loaded: LoadedModels, out: Path, written: int) -> float | None:
    """Of writing so many bytes of a merge: at the disk's pace, or at the arithmetic's."""
    pace = write_speed(out)
    if pace is None:
        return None
    method = method_of(_first_merge(loaded.recipe))
    passes = 2 if method.reductions_of("model") else 1
    read = passes * sum(
        info.nbytes for model in loaded.parents.checkpoints for info in model.tensors.values()
    )
    return round(MERGE_STARTS + (read + written) / pace, 1)


def _first_merge(recipe: Recipe) -> Recipe:
    if recipe.search is None:
        return recipe
    from adamms.runs.candidate_recipes import candidates_of, with_candidate

    return with_candidate(recipe, candidates_of(recipe)[0])


def download_bytes(model: "TensorSource") -> int:
    """What is still to be fetched of a model before a run; nothing of a folder, nor of what a cache holds."""
    if model.folder is not None:
        return 0
    # Late: only what is on a hub.
    from adamms.checkpoints.hub import HubFiles, missing_bytes

    if isinstance(model.files, HubFiles):
        return missing_bytes(model.files, (*model.shards, *model.auxiliary_files()))
    return sum(model.files.size(name) for name in model.shards) + companions_size(model)
