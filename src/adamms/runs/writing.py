"""One merged checkpoint on disk: weights in the base's layout, auxiliary files, `adamms.json` and model card.

Knows how a merge is written and resumed, not why its coefficient was chosen.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from adamms import __version__
from adamms.checkpoints import CheckpointWriter
from adamms.errors import CheckpointError
from adamms.merging import MergeInputs, Method
from adamms.merging.journal import Journal
from adamms.progress import Progress
from adamms.runs.loading import Opened
from adamms.searching import Selection

ADAMMS_JSON = "adamms.json"
SourceFiles = list[tuple[str, int, int]]


def write_merged(
    opened: Opened,
    folder: Path,
    *,
    method: Method,
    selection: Selection | None,
    progress: Progress,
    files: SourceFiles,
    resume: bool = False,
) -> None:
    """One merged checkpoint: weights in the base's layout, auxiliary files, `adamms.json` and the model card.

    Raises:
        CheckpointError: a source is no longer what `files` says it was when it was opened.
    """
    # Late: torch takes seconds, and most mistakes are found before it is needed.
    from adamms.merging import cpu_kernel
    from adamms.merging.statistics import elements_to_reduce, model_statistics
    from adamms.merging.stream import stream_merge
    from adamms.reports import write_model_card

    options = opened.recipe.merge
    writer = CheckpointWriter(
        folder, opened.base, dtype=options.dtype, max_shard_size=options.max_shard_size, resume=resume
    )
    journal = Journal(folder, writer, about=_about(opened, method))
    if journal.done:
        progress.say("Resuming: what the interrupted merge wrote is kept.")
    statistics: dict[str, Any] = {}
    if elements := elements_to_reduce(opened.parents, method):
        with progress.stage("Measuring", total=elements, unit="parameters") as advance:
            statistics = model_statistics(opened.parents, method, threads=options.threads, progress=advance)
    if method.rule.kernel and not cpu_kernel.library():
        progress.say("Merging without compiled code, several times slower: see docs/reference/speed.md.")
    total = sum(info.nbytes for info in writer.tensors.values())
    with progress.stage("Merging", total=total, unit="bytes") as advance:
        stream_merge(
            opened.parents,
            method=method,
            writer=writer,
            threads=options.threads,
            progress=advance,
            statistics=statistics,
            journal=journal,
        )
    require_unchanged(opened.parents, files)
    writer.finish()
    journal.remove()
    description = {
        "version": __version__,
        "base": opened.base.identity(),
        "donor": opened.parents.donors[0].checkpoint.identity(),
        **_other_parents(opened),
        "mapping": {
            "duplicates": opened.mapping.duplicates,
            "vocabulary": opened.mapping.vocabulary,
            "exclude": list(opened.recipe.mapping.exclude),
            "edited": opened.recipe.mapping.file is not None,
            **opened.mapping.summary(),
            "notes": list(opened.mapping.notes),
        },
        "method": method.name,
        **method.settings,
        "dtype": options.dtype,
        "selection": selection.to_json() if selection else None,
    }
    write_json(folder / ADAMMS_JSON, description)
    write_model_card(folder, description)


def _about(opened: Opened, method: Method) -> dict[str, Any]:
    """What a merge's values depend on, for the journal."""
    parents = opened.parents
    tensors = [view.mapped.mapping.to_json()["tensors"] for view in parents.views]
    options = opened.recipe.merge
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


def _other_parents(opened: Opened) -> dict[str, Any]:
    """Further donors and the ancestor, where there are any."""
    parents = opened.parents
    found: dict[str, Any] = {}
    if parents.donors[1:]:
        found["donors"] = [
            {**view.checkpoint.identity(), **view.mapped.mapping.summary()} for view in parents.donors[1:]
        ]
    if parents.pretrained:
        found["pretrained"] = {
            **parents.pretrained.checkpoint.identity(),
            "parameters_without_ancestor": opened.without_ancestor,
        }
    return found


def write_json(path: Path, data: Any) -> None:
    """One JSON document, for people and programs."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
