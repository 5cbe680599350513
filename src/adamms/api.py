"""The Python functions: `merge` and `search` with plain arguments, each one recipe and one run.

    from adamms import merge, search

They do what the verbs of the same name do, silently unless a `Progress` is given.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.progress import Progress
from adamms.recipes.recipe import recipe_of
from adamms.runs.pipeline import MergeResult, run

if TYPE_CHECKING:
    from adamms.responses.inputs.source import Records
    from adamms.runs.search_run import SearchResult


def merge(
    base: str | Path,
    donor: str | Path,
    out: str | Path,
    *,
    alpha: Any = None,
    force: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> MergeResult:
    """Merge `donor` into `base` with the donor's weight `alpha` and write the checkpoint to `out`.

    Args:
        base: the model whose architecture, tokenizer, vision encoder and layout are kept; a folder or hub id.
        donor: the model merged into it.
        out: the folder to write; it appears there whole or not at all.
        alpha: the donor's weight, from 0 to 1 (equation 1 of the paper): a number, a list over depth, or a
            table by part; left out where the method has a default or needs none.
        force: merge models whose weights speak against a common ancestor all the same.
        overwrite: replace an earlier output of ours.
        resume: go on with a merge that was killed; it ends as an unbroken one.
        progress: told how far the merge is.
        **options: `pretrained`, `donors`, fields of `MappingOptions` (duplicates, vocabulary, exclude, file)
            and `MergeOptions` (method, settings, dtype, ...).

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    recipe = recipe_of(base, donor, alpha=alpha, force=force, **options)
    result = run(recipe, Path(out), overwrite=overwrite, resume=resume, progress=progress)
    assert isinstance(result, MergeResult)
    return result


def search(
    base: str | Path,
    donor: str | Path,
    inputs: "str | Path | Records | None",
    out: str | Path,
    *,
    force: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> "SearchResult":
    """Choose alpha by generation consistency on unlabelled `inputs` and write the run directory `out`.

    Args:
        base: the model whose architecture is kept; a folder or hub id.
        donor: the model merged into it.
        inputs: a file of inputs in any form that `adamms inputs` reads, a folder of pictures (with
            `prompt="..."`), a data set of a hub by name, or a list of dicts such as
            `{"image": picture, "prompt": "..."}` with pictures as PIL has them or as paths; None with
            `benchmark={"tasks": ["mme"]}`, to draw them from lmms-eval's tasks.
        out: the run directory to write; the chosen checkpoint lies in its `merged/`.
        force: merge models whose weights speak against a common ancestor all the same.
        overwrite: replace an earlier run of ours.
        resume: go on with a run that was killed; no question is asked twice.
        progress: told how far the run is.
        **options: `pretrained`, `donors`, and fields of `SearchOptions`, `MappingOptions` and
            `MergeOptions`; `dtype` is the search's.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    records = None if inputs is None or isinstance(inputs, str | Path) else inputs
    named = inputs if records is None else "inputs/inputs.jsonl"
    recipe = recipe_of(base, donor, search=True, inputs=named, force=force, **options)
    result = run(recipe, Path(out), overwrite=overwrite, resume=resume, progress=progress, records=records)
    assert not isinstance(result, MergeResult)
    return result
