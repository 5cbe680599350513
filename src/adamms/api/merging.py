"""`inspect`, `map_parameters` and `merge`: what needs neither questions nor answers (steps 1 and 2)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adamms.api.wording import speaks_python
from adamms.progress import Progress, shown

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.mapping import Inspection, ParameterMapping
    from adamms.runs.pipeline import MergeResult

Source = str | Path
"""A folder, a hub id (`owner/name`, `owner/name@revision`), or with an adapter `MODEL+ADAPTER`."""
Alpha = float | Sequence[float] | Mapping[str, Any]
"""One weight, a list over depth, or a table by part or by tensors' names."""
DonorModel = Source | tuple[Source, Alpha] | Mapping[str, Any]
"""A further donor: a model, `(model, alpha)`, or `{"model", "alpha", "settings"}`."""
Inputs = Source | Sequence[Mapping[str, Any]]
"""Inputs in any form that `adamms inputs` reads, or a list of dicts, pictures as paths or as PIL has them."""
Duplicates = Literal["paired", "original", "matching"]
Vocabulary = Literal["tokens", "rows", "keep"]
Dtype = Literal["bfloat16", "float16", "float32"]


@speaks_python
def inspect(model: "Source | TensorSource") -> "Inspection":
    """Describe a model from its headers; a hub id downloads no weights.

    Args:
        model: a folder, a hub id, or an open `Checkpoint`.

    Raises:
        AdaMMSError: it is no checkpoint that can be read.
    """
    from adamms.mapping import inspect_checkpoint

    with _opened(model) as checkpoint:
        return inspect_checkpoint(checkpoint)


@speaks_python
def map_parameters(
    base: "Source | TensorSource",
    donor: "Source | TensorSource",
    *,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Sequence[str] = (),
    allow_partial: bool = False,
) -> "ParameterMapping":
    """Find which of the donor's parameters correspond to which of the base's, from headers alone (step 1).

    Args:
        base: the model whose architecture is kept: a folder, a hub id, or an open `Checkpoint`.
        donor: the model merged into it, likewise.
        duplicates: what a duplicated weight of the base takes.
        vocabulary: how embeddings and lm_head are merged.
        exclude: what of the base is kept: norms, biases, embeddings, lm_head, `layers=0-3,30`, name patterns.
        allow_partial: accept that over 1 % of either language model has no counterpart.

    Raises:
        MappingError: the models cannot be mapped onto each other.
    """
    from adamms.mapping import map_parameters

    with _opened(base) as ours, _opened(donor) as theirs:
        return map_parameters(
            ours,
            theirs,
            duplicates=duplicates,
            vocabulary=vocabulary,
            exclude=tuple(exclude),
            allow_partial=allow_partial,
        )


@speaks_python
def merge(
    base: Source,
    donor: Source,
    out: Source,
    *,
    alpha: Alpha | None = None,
    method: str = "linear",
    settings: Mapping[str, Any] | None = None,
    donors: Sequence[DonorModel] = (),
    pretrained: Source | None = None,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Sequence[str] = (),
    mapping: Source | None = None,
    allow_partial: bool = False,
    force: bool = False,
    dtype: Dtype | None = None,
    max_shard_size: str | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | bool | None = None,
) -> "MergeResult":
    """Merge `donor` into `base` with the donor's weight `alpha` and write the checkpoint to `out` (step 2).

    Args:
        base: the model whose architecture, tokenizer, vision encoder and layout are kept.
        donor: the model merged into it.
        out: the folder to write; it appears there whole or not at all.
        alpha: the donor's weight, from 0 to 1 (equation 1 of the paper): a number, a list over depth, or a
            table by part; left out where the method has a default or needs none.
        method: the merge method's name; `adamms methods` lists them.
        settings: of the method, by their names.
        donors: further donors.
        pretrained: the common language-model ancestor, for task-vector methods and the ancestor check.
        duplicates: what a duplicated weight of the base takes.
        vocabulary: how embeddings and lm_head are merged.
        exclude: what of the base is kept.
        mapping: a file that `adamms map --save` wrote, perhaps edited.
        allow_partial: merge also where over 1 % of either language model has no counterpart.
        force: merge models whose weights speak against a common ancestor all the same.
        dtype: of the floating tensors that are written; the base's when left out.
        max_shard_size: of the largest shard, such as "5GB"; the base's own shards when left out.
        threads: that merge.
        overwrite: replace an earlier output of ours.
        resume: go on with a merge that was killed; it ends as an unbroken one.
        progress: a bar where a person looks on when left out, none with False, or one of your own.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    asked = dict(locals())
    from adamms.recipes.recipe import recipe_of
    from adamms.runs.pipeline import MergeResult, run

    place, showing = Path(asked.pop("out")), shown(asked.pop("progress"))
    how = {name: asked.pop(name) for name in ("overwrite", "resume")}
    result = run(recipe_of(**recipe_options(asked)), place, progress=showing, **how)
    assert isinstance(result, MergeResult)
    return result


def recipe_options(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a function of ours as `recipe_of` takes them."""
    options = dict(asked)
    options["file"] = options.pop("mapping")
    options["settings"] = dict(options["settings"] or {})
    options["exclude"] = tuple(options["exclude"])
    options["donors"] = [_further(donor) for donor in options["donors"]]
    return options


def _further(donor: DonorModel) -> dict[str, Any]:
    if isinstance(donor, Mapping):
        return {**donor, "model": str(donor["model"])} if "model" in donor else dict(donor)
    if isinstance(donor, tuple):
        return {"model": str(donor[0]), "alpha": donor[1]}
    return {"model": str(donor)}


@contextmanager
def _opened(model: "Source | TensorSource") -> "Iterator[TensorSource]":
    """A model that is open, or opened for as long as it is needed."""
    if not isinstance(model, str | Path):
        yield model
        return
    from adamms.adapters import open_model

    with open_model(model) as checkpoint:
        yield checkpoint
