"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. Each entry point turns its arguments into one `Recipe` and `run` does
the work, so the command line, Python and a YAML file all take the same road.
"""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from adamms.checkpoints import Checkpoint, CheckpointWriter, OutputFolder
from adamms.errors import MappingError, RecipeError
from adamms.mapping import MappedDonor, ParameterMapping, map_parameters
from adamms.merging import Method, make_method, stream_merge
from adamms.recipe import MergeOptions, Recipe, SearchOptions, make_recipe
from adamms.version import __version__

if TYPE_CHECKING:
    from adamms.searching import Example, Responses, Selection

MERGED = "merged"
ADAMMS_JSON = "adamms.json"


class Progress(Protocol):
    """How a run tells how far it is; the command line draws bars, the default is silent."""

    def stage(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of `total` units; the returned function is called with the units done since."""

    def say(self, message: str) -> None:
        """One line a person should see."""


@dataclass(frozen=True)
class MergeResult:
    """A finished merge and where it lies."""

    path: Path
    mapping: ParameterMapping
    method: Method


@dataclass(frozen=True)
class SearchResult:
    """A finished search: the run directory, the choice, and the accuracies where answers were known."""

    path: Path
    mapping: ParameterMapping
    selection: "Selection"
    accuracy: dict[float, float] | None

    @property
    def merged(self) -> Path:
        """The chosen candidate's checkpoint."""
        return self.path / MERGED

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.path / "report.html"


def merge(
    base: str | Path,
    donor: str | Path,
    out: str | Path,
    *,
    alpha: float,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> MergeResult:
    """Merge `donor` into `base` with the donor's weight `alpha` and write the checkpoint to `out`.

    Args:
        base: the model whose architecture, tokenizer, vision encoder and layout are kept; a folder or hub id.
        donor: the model merged into it.
        out: the folder to write; it appears there whole or not at all.
        alpha: the donor's weight, from 0 to 1 (equation 1 of the paper).
        overwrite: replace an earlier output of ours.
        progress: told how far the merge is.
        **options: fields of `MappingOptions` (duplicates, vocabulary, file) and `MergeOptions` (dtype, ...).

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    mapping_options, merge_options = _split(options)
    recipe = make_recipe(
        base=str(base), donor=str(donor), mapping=mapping_options, merge={"alpha": alpha, **merge_options}
    )
    result = run(recipe, Path(out), overwrite=overwrite, progress=progress)
    assert isinstance(result, MergeResult)
    return result


def search(
    base: str | Path,
    donor: str | Path,
    inputs: str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> SearchResult:
    """Choose alpha by generation consistency on unlabelled `inputs` and write the run directory `out`.

    Args:
        base: the model whose architecture is kept; a folder or hub id.
        donor: the model merged into it.
        inputs: a JSONL file of `{"id"?, "image", "prompt"}`.
        out: the run directory to write; the chosen checkpoint lies in its `merged/`.
        overwrite: replace an earlier run of ours.
        resume: go on with a run that was killed; no question is asked twice.
        progress: told how far the run is.
        **options: fields of `SearchOptions`, `MappingOptions` and `MergeOptions`.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    mapping_options, rest = _split(options)
    merge_options = {
        key: rest.pop(key) for key in list(rest) if key in MergeOptions.model_fields and key != "dtype"
    }
    recipe = make_recipe(
        base=str(base),
        donor=str(donor),
        mapping=mapping_options,
        merge=merge_options,
        search={"inputs": str(inputs), **rest},
    )
    result = run(recipe, Path(out), overwrite=overwrite, resume=resume, progress=progress)
    assert isinstance(result, SearchResult)
    return result


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    mapping = {key: options[key] for key in ("duplicates", "vocabulary", "file") if key in options}
    return mapping, {key: value for key, value in options.items() if key not in mapping}


def run(
    recipe: Recipe,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    answers: dict[str, str] | None = None,
) -> MergeResult | SearchResult:
    """Do what a recipe says; without a search `out` is the merged model, with one it is the run directory.

    Args:
        recipe: what to do.
        out: the folder to write; it appears there whole or not at all.
        overwrite: replace an earlier output of ours.
        resume: go on with a search that was killed.
        progress: told how far the run is.
        answers: input id -> true answer, for an accuracy beside each candidate; the search never sees it.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    progress = progress or _Silent()
    with (
        Checkpoint.open(recipe.base, download=True) as base,
        Checkpoint.open(recipe.donor, download=True) as donor,
    ):
        base.require_data()
        donor.require_data()
        mapping = resolve_mapping(recipe, base, donor)
        for note in mapping.notes:
            progress.say(note)
        pair = _Pair(_pin(recipe, base, donor), base, donor, mapping)
        if recipe.search is None:
            return _merge_only(pair, out, overwrite=overwrite, progress=progress)
        return _search(
            pair, recipe.search, out, overwrite=overwrite, resume=resume, progress=progress, answers=answers
        )


@dataclass(frozen=True)
class _Pair:
    """The two opened models, how they map, and the recipe with their identities pinned."""

    recipe: Recipe
    base: Checkpoint
    donor: Checkpoint
    mapping: ParameterMapping

    @property
    def mapped(self) -> MappedDonor:
        return MappedDonor(self.mapping, self.base, self.donor)


def resolve_mapping(recipe: Recipe, base: Checkpoint, donor: Checkpoint) -> ParameterMapping:
    """The mapping a recipe asks for: its file, checked against both models, or the automatic one.

    Raises:
        MappingError: the models cannot be mapped, or the file does not fit them.
    """
    options = recipe.mapping
    if options.file is None:
        return map_parameters(base, donor, duplicates=options.duplicates, vocabulary=options.vocabulary)
    try:
        data = json.loads(options.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MappingError(f"The mapping {options.file} cannot be read: {error}.") from None
    mapping = ParameterMapping.from_json(data)
    mapping.check(base, donor)
    return mapping


def _merge_only(pair: _Pair, out: Path, *, overwrite: bool, progress: Progress) -> MergeResult:
    options = pair.recipe.merge
    settings = dict(options.settings)
    if options.alpha is not None:
        settings["alpha"] = options.alpha
    method = make_method(options.method, settings)
    with OutputFolder.open(out, overwrite=overwrite, marker=ADAMMS_JSON) as folder:
        _write_merged(pair, folder.path, method=method, selection=None, progress=progress)
        (folder.path / "recipe.yaml").write_text(pair.recipe.to_yaml(), encoding="utf-8")
        folder.commit()
    return MergeResult(out, pair.mapping, method)


def _search(
    pair: _Pair,
    options: SearchOptions,
    out: Path,
    *,
    overwrite: bool,
    resume: bool,
    progress: Progress,
    answers: dict[str, str] | None,
) -> SearchResult:
    # Late: the searching room's engine brings transformers with it.
    from adamms.reports import build_report
    from adamms.searching import parse_alphas, read_inputs, sample, select

    alphas = parse_alphas(options.alphas)
    examples = sample(read_inputs(options.inputs), options.samples, seed=options.seed)
    with OutputFolder.open(
        out, overwrite=overwrite, resume=resume, marker="selection.json", keep_on_failure=True
    ) as folder:
        log = _Log(folder.path / "log.jsonl")
        _same_recipe(folder.path / "recipe.yaml", pair.recipe, resume=resume)
        _write_json(folder.path / "mapping.json", pair.mapping.to_json())
        log("started", version=__version__, inputs=len(examples), candidates=len(alphas))
        responses = _answers(
            pair, options, examples, alphas=alphas, folder=folder.path, progress=progress, log=log
        )
        selection = select(
            responses,
            rule=options.rule,
            metric=options.metric,
            fold_case=options.fold_case,
            ends=options.ends,
            seed=options.seed,
        )
        _write_json(folder.path / "selection.json", selection.to_json())
        log("selected", alpha=selection.selected, tied=list(selection.tied))
        accuracy = _accuracy(responses, examples, answers)
        if accuracy:
            _write_json(
                folder.path / "accuracy.json", {f"{alpha:g}": value for alpha, value in accuracy.items()}
            )
        method = make_method(
            pair.recipe.merge.method, {**pair.recipe.merge.settings, "alpha": selection.selected}
        )
        _write_merged(pair, folder.path / MERGED, method=method, selection=selection, progress=progress)
        if options.keep_all:
            for alpha in alphas:
                each = make_method(pair.recipe.merge.method, {**pair.recipe.merge.settings, "alpha": alpha})
                target = folder.path / "candidates" / f"alpha={alpha:.2f}"
                _write_merged(pair, target, method=each, selection=None, progress=progress)
        build_report(folder.path)
        log("finished")
        folder.commit()
    return SearchResult(out, pair.mapping, selection, accuracy)


def _answers(
    pair: _Pair,
    options: SearchOptions,
    examples: "list[Example]",
    *,
    alphas: tuple[float, ...],
    folder: Path,
    progress: Progress,
    log: "_Log",
) -> "Responses":
    """Every candidate's answers, written as they come; those of an interrupted run are not asked again."""
    from adamms.searching import ResponseWriter, read_responses
    from adamms.searching.sweep import sweep

    target = folder / "responses"
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.iterdir()) else {}
    done = {(alpha, id_) for alpha, answered in known.items() for id_ in answered}
    if done:
        progress.say(f"Resuming: {len(done)} answers are already there.")
    with (
        progress.stage("Searching", total=len(alphas) * len(examples), unit="answers") as advance,
        ResponseWriter(target) as writer,
    ):
        advance(len(done))
        for response in sweep(
            pair.base,
            pair.donor,
            examples,
            alphas,
            mapped=pair.mapped,
            method=lambda alpha: make_method(
                pair.recipe.merge.method, {**pair.recipe.merge.settings, "alpha": alpha}
            ),
            skip=done,
            max_new_tokens=options.max_new_tokens,
            batch_size=options.batch_size,
            device=options.device,
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
        ):
            writer.write(response)
            advance(1)
    log("answered", answers=len(alphas) * len(examples))
    return read_responses(target)


def _accuracy(
    responses: "Responses", examples: "list[Example]", answers: dict[str, str] | None
) -> dict[float, float] | None:
    """The share of right answers a candidate, where the true answers are known; never read by the choice."""
    from adamms.evaluation.accuracy import score

    known = answers or {example.id: example.answer for example in examples if example.answer is not None}
    if any(example.id not in known for example in examples):
        return None
    return {alpha: score(answered, known) for alpha, answered in responses.items()}


def _write_merged(
    pair: _Pair, folder: Path, *, method: Method, selection: "Selection | None", progress: Progress
) -> None:
    """One merged checkpoint: weights in the base's layout, companions, `adamms.json` and the model card."""
    from adamms.reports import write_model_card

    options = pair.recipe.merge
    folder.mkdir(parents=True, exist_ok=True)
    writer = CheckpointWriter(folder, pair.base, dtype=options.dtype, max_shard_size=options.max_shard_size)
    total = sum(info.nbytes for info in writer.tensors.values())
    with progress.stage("Merging", total=total, unit="bytes") as advance:
        stream_merge(
            pair.base,
            pair.donor,
            mapped=pair.mapped,
            method=method,
            writer=writer,
            threads=options.threads,
            progress=advance,
        )
    writer.finish()
    description = {
        "version": __version__,
        "base": _identity(pair.base),
        "donor": _identity(pair.donor),
        "mapping": {
            "duplicates": pair.mapping.duplicates,
            "vocabulary": pair.mapping.vocabulary,
            **pair.mapping.summary(),
        },
        "method": method.name,
        **method.settings,
        "dtype": options.dtype,
        "selection": selection.to_json() if selection else None,
    }
    _write_json(folder / ADAMMS_JSON, description)
    write_model_card(folder, description)


def _identity(model: Checkpoint) -> dict[str, str | None]:
    return {"source": model.source, "revision": model.revision, "fingerprint": model.fingerprint()}


def _pin(recipe: Recipe, base: Checkpoint, donor: Checkpoint) -> Recipe:
    """The recipe that repeats this run: absolute paths, and hub ids with the revision that was read."""

    def name(model: Checkpoint) -> str:
        return f"{model.source}@{model.revision}" if model.revision else model.source

    changes: dict[str, Any] = {"base": name(base), "donor": name(donor)}
    if recipe.search:
        changes["search"] = recipe.search.model_copy(update={"inputs": recipe.search.inputs.resolve()})
    return recipe.model_copy(update=changes)


def _same_recipe(path: Path, recipe: Recipe, *, resume: bool) -> None:
    """Write the recipe into the run, or, on resuming, insist that it is still the same."""
    text = recipe.to_yaml()
    if resume and path.exists():
        before = path.read_text(encoding="utf-8").splitlines()
        changed = [line.strip() for line in text.splitlines() if line not in before]
        if changed:
            raise RecipeError(
                f"The interrupted run was started with other settings; now different: {'; '.join(changed)}. "
                "Start anew without --resume, or repeat the first run's settings."
            )
    path.write_text(text, encoding="utf-8")


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class _Log:
    """`log.jsonl`: what happened when, one JSON line an event."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, **facts: object) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class _Silent:
    """No progress shown: the default of the Python functions."""

    def stage(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        from contextlib import nullcontext

        return nullcontext(lambda _: None)

    def say(self, message: str) -> None:
        pass
