"""`search` and `select`: which coefficient, from what models answer to unlabelled questions (step 3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adamms.api.merging import (
    Alpha,
    DonorModel,
    Dtype,
    Duplicates,
    Inputs,
    Source,
    Vocabulary,
    recipe_options,
)
from adamms.api.wording import speaks_python
from adamms.progress import Progress, shown

if TYPE_CHECKING:
    from adamms.runs.search_run import SearchResult
    from adamms.runs.select_run import Choice

KEPT = "inputs/inputs.jsonl"
"""Where a run keeps inputs that were in memory."""
Values = str | Sequence[float]
"""`"0:0.6:0.1"`, or a list of numbers."""


@speaks_python
def search(
    base: Source,
    donor: Source,
    inputs: Inputs | None,
    out: Source,
    *,
    alphas: Values = "0:0.6:0.1",
    setting: str = "alpha",
    values: Values | None = None,
    samples: int = 100,
    seed: int = 0,
    max_bad: float = 0.05,
    prompt: str | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    image_folder: Source | None = None,
    split: str | None = None,
    tasks: str | Sequence[str] = (),
    harness_python: Source | None = None,
    include_path: Source | None = None,
    rule: str = "witnesses",
    labels: bool = False,
    answers: Source | None = None,
    label_metric: str = "exact",
    gated: bool = False,
    metric: Literal["exact", "embedding"] = "exact",
    embedding_model: str | None = None,
    fold_case: bool = False,
    ends: Literal["interior", "all"] | None = None,
    repeats: int = 0,
    subset: int | None = None,
    exhaustive: bool = False,
    no_donor: bool = False,
    donor_answers: Sequence[Source] = (),
    donor_vision_tower: Source | None = None,
    max_new_tokens: int = 64,
    batch_size: int | None = None,
    device: str | None = None,
    gpus_per_model: int | None = None,
    compute_dtype: Dtype | None = None,
    trust_remote_code: bool = False,
    vision_tower: Source | None = None,
    parents: Literal["auto", "mapped", "resident"] = "auto",
    engine: str | None = None,
    engine_python: Source | None = None,
    command: str | None = None,
    command_timeout: float | None = None,
    workers: int | None = None,
    executor: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    worker_timeout: float = 1800.0,
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
    keep_all: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | bool | None = None,
) -> "SearchResult":
    """Choose alpha from what models answer to unlabelled inputs, and write the run directory `out`.

    Args:
        base: the model whose architecture is kept.
        donor: the model merged into it.
        inputs: what is asked: a file in any form that `adamms inputs` reads, a folder of pictures (with
            `prompt`), a data set of a hub, or a list of `{"image": picture, "prompt": "..."}`, pictures as
            PIL has them or as paths; None with `tasks`.
        out: the run directory to write; the chosen checkpoint lies in its `merged/`.
        alphas: the candidates, `"start:stop:step"` or a list.
        setting: what is searched, if another number of the method than alpha, or `"donor2"`.
        values: the candidates of that setting.
        samples: inputs drawn.
        seed: of the draw.
        max_bad: the share of inputs that may be left out because a model's processor refuses them.
        prompt: asked where an input has no prompt of its own.
        columns: role -> the inputs' keys or columns that have it, where names do not tell.
        image_folder: where relative paths of pictures start.
        split: of inputs that are a data set.
        tasks: lmms-eval's tasks to draw the inputs from, instead of `inputs`.
        harness_python: the python of lmms-eval's environment.
        include_path: a folder of further tasks of lmms-eval's.
        rule: what chooses, a signal's name.
        labels: choose by the true answers instead.
        answers: a file of the true answers by id; without `labels` they are shown and do not choose.
        label_metric: how an answer is scored against the true one.
        gated: leave the base only for a gain beyond twice its paired standard error.
        metric: how two answers are compared.
        embedding_model: a sentence-transformers model, for `metric="embedding"`.
        fold_case: compare answers in lower case.
        ends: candidates that may win by `sum`, `any` or `previous`.
        repeats: choose again on so many random subsets.
        subset: inputs a subset.
        exhaustive: let every candidate answer every input.
        no_donor: do not let the donor answer by itself.
        donor_answers: files of the donors' own answers, one a donor.
        donor_vision_tower: as `vision_tower`, of the donor.
        max_new_tokens: of the longest answer.
        batch_size: inputs answered together.
        device: such as "cuda:1"; a GPU where there is one when left out.
        gpus_per_model: GPUs to spread a model over.
        compute_dtype: of the arithmetic while answering.
        trust_remote_code: run Python code that a model's folder brings along.
        vision_tower: the base's, where its checkpoint has none.
        parents: whether the parents' weights are held in memory.
        engine: who answers, by its name; transformers when left out.
        engine_python: the python of the engine's own environment.
        command: a program that answers instead.
        command_timeout: seconds that it may go without an answer; an hour when left out.
        workers: models that answer at a time, a process and a GPU each; the result is the same.
        executor: where workers run: processes of this machine, or actors of a Ray cluster.
        ray_address: of the cluster; the one that runs here, or a new one, when left out.
        worker_timeout: seconds that a worker may be silent before it is replaced.
        alpha: the donor's weight where another setting is searched.
        method: the merge method's name.
        settings: of the method, by their names.
        donors: further donors.
        pretrained: the common language-model ancestor.
        duplicates: what a duplicated weight of the base takes.
        vocabulary: how embeddings and lm_head are merged.
        exclude: what of the base is kept.
        mapping: a file that `adamms map --save` wrote, perhaps edited.
        allow_partial: merge also where over 1 % of either language model has no counterpart.
        force: merge models whose weights speak against a common ancestor all the same.
        dtype: of the floating tensors that are written; the base's when left out.
        max_shard_size: of the largest shard, such as "5GB".
        threads: that merge.
        keep_all: write every candidate's checkpoint.
        overwrite: replace an earlier run of ours.
        resume: go on with a run that was killed; no question is asked twice.
        progress: a bar where a person looks on when left out, none with False, or one of your own.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    asked = dict(locals())
    from adamms.recipes.recipe import recipe_of
    from adamms.runs.pipeline import MergeResult, run

    place, showing = Path(asked.pop("out")), shown(asked.pop("progress"))
    how = {name: asked.pop(name) for name in ("overwrite", "resume")}
    asked["benchmark"] = _benchmark(
        asked.pop("tasks"), asked.pop("harness_python"), asked.pop("include_path")
    )
    asked["rule"] = _rule(rule, labels=asked.pop("labels"))
    for name in ("alphas", "values"):
        asked[name] = _written(asked[name])
    for name in ("vision_tower", "donor_vision_tower", "engine_python"):
        asked[name] = None if asked[name] is None else str(asked[name])
    asked["donor_answers"] = tuple(map(Path, donor_answers))
    asked["columns"] = {role: tuple(names) for role, names in (columns or {}).items()}
    records = None if inputs is None or isinstance(inputs, str | Path) else inputs
    # What is in memory the run keeps in a file of its own.
    asked["inputs"] = str(inputs) if isinstance(inputs, Path) else inputs if records is None else KEPT
    recipe = recipe_of(search=True, **recipe_options(asked))
    result = run(recipe, place, progress=showing, records=records, **how)
    assert not isinstance(result, MergeResult)
    return result


@speaks_python
def select(
    responses: Source | Sequence[Source],
    *,
    rule: str | None = None,
    labels: bool = False,
    answers: Source | None = None,
    label_metric: str = "exact",
    gated: bool = False,
    metric: Literal["exact", "embedding"] = "exact",
    embedding_model: str | None = None,
    fold_case: bool = False,
    strip: bool = True,
    ends: Literal["interior", "all"] | None = None,
    repeats: int = 0,
    subset: int | None = None,
    seed: int = 0,
    donor_answers: Sequence[Source] = (),
    alpha_pattern: str | None = None,
) -> "Choice":
    """Choose from answers that were already generated; no model is loaded.

    Args:
        responses: a run directory, a folder of `alpha=*.jsonl`, or a harness's logs; one or several.
        rule: what chooses, a signal's name; witnesses where donors' answers are there, else sum.
        labels: choose by the true answers instead.
        answers: a file of the true answers by id; without `labels` they are shown and do not choose.
        label_metric: how an answer is scored against the true one.
        gated: leave the base only for a gain beyond twice its paired standard error.
        metric: how two answers are compared.
        embedding_model: a sentence-transformers model, for `metric="embedding"`.
        fold_case: compare answers in lower case.
        strip: leave white space around answers out.
        ends: candidates that may win by `sum`, `any` or `previous`.
        repeats: choose again on so many random subsets.
        subset: inputs a subset.
        seed: of the repeated draws.
        donor_answers: files of the donors' own answers; those that the run kept when left out.
        alpha_pattern: where the alpha stands in a path, a regular expression with one group.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    asked = dict(locals())
    from adamms.runs.select_run import select_responses

    named = asked.pop("responses")
    sources = [named] if isinstance(named, str | Path) else list(named)
    asked["rule"] = _rule(asked["rule"], labels=labels)
    return select_responses(sources, **asked)


def _rule(rule: str | None, *, labels: bool) -> str | None:
    """The rule, which by labels is one of its own."""
    from adamms.errors import RecipeError

    if not labels:
        return rule
    if rule not in (None, "witnesses", "labels"):
        raise RecipeError(
            f"--labels chooses by the true answers, so the rule {rule!r} has nothing to choose: leave one "
            "of the two out."
        )
    return "labels"


def _benchmark(
    tasks: str | Sequence[str], python: Source | None, include_path: Source | None
) -> dict[str, Any] | None:
    names = tuple(tasks.split(",")) if isinstance(tasks, str) else tuple(tasks)
    if not any(names):
        return None
    interpreter = None if python is None else str(python)
    return {"tasks": names, "harness": "lmms-eval", "include_path": include_path, "python": interpreter}


def _written(values: Values | None) -> str | None:
    """A range as it is written in a recipe."""
    if values is None or isinstance(values, str):
        return values
    return ",".join(f"{value:.12g}" for value in values)
