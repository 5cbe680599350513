"""One merged checkpoint on disk: weights in the base's layout, auxiliary files, `adamms.json` and model card.

Knows how a merge is written and resumed, not why its coefficient was chosen.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms import __version__
from adamms.checkpoints import CheckpointWriter
from adamms.checkpoints.auxiliary_files import ABOUT, CARRIED
from adamms.errors import CheckpointError
from adamms.merging import MergeInputs, Method
from adamms.merging.journal import Journal
from adamms.progress import Progress
from adamms.responses.candidates import RECIPE
from adamms.runs.loading import LoadedModels

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.mapping import ParameterMapping
    from adamms.recipes.recipe import Recipe
    from adamms.searching import Selection

ADAMMS_JSON = ABOUT
FILES = "files"
"""In adamms.json: every weight file with its SHA-256."""
RECIPE_KEY = "recipe"
"""In adamms.json: the merge that it is, without a search, as `adamms reproduce` repeats it."""
SourceFiles = list[tuple[str, int, int]]


def write_merged(
    loaded: LoadedModels,
    folder: Path,
    *,
    method: Method,
    selection: "Selection | None",
    progress: Progress,
    files: SourceFiles,
    resume: bool = False,
    recipe: "Recipe | None" = None,
) -> None:
    """One merged checkpoint: weights in the base's layout, auxiliary files, `adamms.json` and the model card.

    Args:
        loaded: the models and their mapping.
        folder: where it is written.
        method: what merges.
        selection: why this candidate was chosen, of a search; its curve is drawn beside the card.
        progress: told how far it is.
        files: the parents' weight files, as they were when they were opened.
        resume: go on with what an interrupted merge left in `folder`.
        recipe: the merge alone, kept in `adamms.json`, beside the weights and in the card; None for a
            candidate that is only asked.

    Raises:
        CheckpointError: a source is no longer what `files` says it was when it was opened.
    """
    # Late: torch takes seconds, and most mistakes are found before it is needed.
    from adamms.merging import cpu_kernel
    from adamms.merging.stream import stream_merge
    from adamms.reports.model_card import CURVE, write_model_card

    options = loaded.recipe.merge
    writer = CheckpointWriter(
        folder, loaded.base, dtype=options.dtype, max_shard_size=options.max_shard_size, resume=resume
    )
    journal = Journal(folder, writer, about=_about(loaded, method))
    if journal.done:
        progress.say("Resuming: what the interrupted merge wrote is kept.")
    statistics = _statistics(loaded, method, progress)
    if method.rule.kernel and not cpu_kernel.library():
        progress.say("Merging without compiled code, several times slower: see docs/reference/speed.md.")
    total = sum(info.nbytes for info in writer.tensors.values())
    with progress.stage("Merging", total=total, unit="bytes") as advance:
        stream_merge(
            loaded.parents,
            method=method,
            writer=writer,
            threads=options.threads,
            progress=advance,
            statistics=statistics,
            journal=journal,
        )
    require_unchanged(loaded.parents, files)
    writer.finish()
    journal.remove()
    description = {
        "version": __version__,
        "base": _parent(loaded.base),
        "donor": _parent(loaded.parents.donors[0].checkpoint),
        **_other_parents(loaded),
        "mapping": {
            "duplicates": loaded.mapping.duplicates,
            "vocabulary": loaded.mapping.vocabulary,
            "exclude": list(loaded.recipe.mapping.exclude),
            "edited": loaded.recipe.mapping.file is not None,
            **({"sha256": mapping_hash(loaded.mapping)} if loaded.recipe.mapping.file else {}),
            **loaded.mapping.summary(),
            "notes": list(loaded.mapping.notes),
        },
        "method": method.name,
        **method.settings,
        "dtype": options.dtype,
        "selection": selection.to_json() if selection else None,
        CARRIED: list(loaded.base.auxiliary_files()),
        FILES: {name: {"sha256": digest} for name, digest in writer.hashes.items()},
        RECIPE_KEY: recipe.model_dump(mode="json") if recipe else None,
    }
    write_json(folder / ADAMMS_JSON, description)
    if recipe is not None:
        (folder / RECIPE).write_text(recipe.to_yaml(), encoding="utf-8")
    if selection is not None:
        from adamms.reports.curve import curve_png

        (folder / CURVE).write_bytes(curve_png(selection))
    write_model_card(folder, description, recipe=recipe.to_yaml() if recipe else None)


def _parent(model: "TensorSource") -> dict[str, Any]:
    """What is recorded of a parent: its identity, and the licence that it comes with, where it names one."""
    from adamms.reports.licences import licence_of

    licence = licence_of(model)
    return {**model.identity(), **({"license": licence} if licence else {})}


def _statistics(loaded: LoadedModels, method: Method, progress: Progress) -> dict[str, Any]:
    """What the method must know of the whole model before it merges."""
    if not method.reductions_of("model"):
        return {}
    # Late: most methods know nothing beforehand.
    from adamms.merging.statistics import elements_to_reduce, model_statistics

    elements, threads = elements_to_reduce(loaded.parents, method), loaded.recipe.merge.threads
    with progress.stage("Measuring", total=elements, unit="parameters") as advance:
        return model_statistics(loaded.parents, method, threads=threads, progress=advance)


def _about(loaded: LoadedModels, method: Method) -> dict[str, Any]:
    """What a merge's values depend on, for the journal."""
    parents = loaded.parents
    tensors = [view.mapped.mapping.to_json()["tensors"] for view in parents.views]
    options = loaded.recipe.merge
    return {
        "version": __version__,
        "parents": [model.identity() for model in parents.checkpoints],
        "files": [[name, size, changed] for name, size, changed in source_files(parents)],
        "mappings": sha256(json.dumps(tensors, sort_keys=True).encode()).hexdigest(),
        "method": method.name,
        "settings": method.settings,
        "dtype": options.dtype,
        "max_shard_size": options.max_shard_size,
    }


def mapping_hash(mapping: "ParameterMapping") -> str:
    """What tells one mapping from another, whatever file it was read from."""
    return sha256(json.dumps(mapping.to_json()["tensors"], sort_keys=True).encode()).hexdigest()


def require_unchanged(parents: MergeInputs, files: SourceFiles) -> None:
    """Insist that the sources are what they were: a mixture of two states is no merge.

    Raises:
        CheckpointError: one was changed.
    """
    now = source_files(parents)
    if now != files:
        changed = next((name for name, *state in now if (name, *state) not in files), "A file")
        raise CheckpointError(f"{changed} was changed while it was read; start again when it is at rest.")


def source_files(parents: MergeInputs) -> SourceFiles:
    """The parents' weight files, their sizes and when they were changed."""
    return [state for model in parents.checkpoints for state in model.state()]


def _other_parents(loaded: LoadedModels) -> dict[str, Any]:
    """Further donors and the ancestor, where there are any."""
    parents = loaded.parents
    found: dict[str, Any] = {}
    if parents.donors[1:]:
        found["donors"] = [
            {**_parent(view.checkpoint), **view.mapped.mapping.summary()} for view in parents.donors[1:]
        ]
    if parents.pretrained:
        found["pretrained"] = {
            **parents.pretrained.checkpoint.identity(),
            "parameters_without_ancestor": loaded.without_ancestor,
        }
    return found


def write_json(path: Path, data: Any) -> None:
    """One JSON document, for people and programs."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
