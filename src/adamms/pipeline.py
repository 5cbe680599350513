"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. The command line, the Python functions (`api.py`) and a YAML file each
make a `Recipe`, and `run` does what it says: one road for all.
"""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints import Checkpoint, CheckpointWriter, OutputFolder
from adamms.errors import MappingError, RecipeError
from adamms.mapping import MappedDonor, ParameterMapping, map_parameters
from adamms.merging import Method, make_method
from adamms.progress import Progress, Silent
from adamms.recipe import Recipe, SearchOptions
from adamms.searching import (
    Example,
    Responses,
    ResponseWriter,
    Selection,
    format_alpha,
    parse_alphas,
    read_inputs,
    read_responses,
    sample,
    select,
)
from adamms.version import __version__

MERGED = "merged"
RECIPE = "recipe.yaml"
ADAMMS_JSON = "adamms.json"


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
    selection: Selection
    accuracy: dict[float, float] | None

    @property
    def merged(self) -> Path:
        """The chosen candidate's checkpoint."""
        return self.path / MERGED

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.path / "report.html"


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
    progress = progress or Silent()
    searching = recipe.search is not None
    marker = "selection.json" if searching else ADAMMS_JSON
    # The output's place is claimed first: nobody should download two models to learn that it is taken.
    with (
        OutputFolder.open(
            out, overwrite=overwrite, resume=resume, marker=marker, keep_on_failure=searching
        ) as folder,
        ExitStack() as models,
    ):
        # Nor should what an interrupted run left be lost to a slip in the next command.
        folder.keep_on_failure = folder.resumed
        if recipe.search is None:
            method = _method(recipe)
            return _merge(_open_pair(recipe, models, progress), folder, method=method, progress=progress)
        questions = _Questions.of(recipe.search)
        pair = _open_pair(recipe, models, progress)
        return _search(pair, folder, questions=questions, progress=progress, answers=answers)


def _open_pair(recipe: Recipe, models: ExitStack, progress: Progress) -> "_Pair":
    """Open and map both models from their headers; download weights only if the mapping holds."""

    def data_of(headers: Checkpoint) -> Checkpoint:
        if headers.folder is None:
            progress.say(f"Fetching {headers.source} from the hub.")
            headers = models.enter_context(
                Checkpoint.open(headers.source, revision=headers.revision, download=True)
            )
        headers.require_data()
        return headers

    base = models.enter_context(Checkpoint.open(recipe.base))
    donor = models.enter_context(Checkpoint.open(recipe.donor))
    mapping = resolve_mapping(recipe, base, donor)
    for note in mapping.notes:
        progress.say(note)
    base, donor = data_of(base), data_of(donor)
    return _Pair(_pin(recipe, base, donor), base, donor, mapping)


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

    def method_at(self, alpha: float) -> Method:
        """The recipe's method with a candidate's alpha."""
        return _method(self.recipe, alpha)


@dataclass(frozen=True)
class _Questions:
    """What a search asks, and of which candidates."""

    options: SearchOptions
    alphas: tuple[float, ...]
    examples: list[Example]

    @classmethod
    def of(cls, options: SearchOptions) -> "_Questions":
        examples = sample(read_inputs(options.inputs), options.samples, seed=options.seed)
        return cls(options, parse_alphas(options.alphas), examples)


def _method(recipe: Recipe, alpha: float | None = None) -> Method:
    """The recipe's method, checked, with its own alpha or a candidate's."""
    options = recipe.merge
    alpha = options.alpha if alpha is None else alpha
    return make_method(options.method, {**options.settings, **({} if alpha is None else {"alpha": alpha})})


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
    return ParameterMapping.from_json(data).check(base, donor)


def _merge(pair: _Pair, folder: OutputFolder, *, method: Method, progress: Progress) -> MergeResult:
    _write_merged(pair, folder.path, method=method, selection=None, progress=progress)
    (folder.path / RECIPE).write_text(pair.recipe.to_yaml(), encoding="utf-8")
    folder.commit()
    return MergeResult(folder.target, pair.mapping, method)


def _search(
    pair: _Pair,
    folder: OutputFolder,
    *,
    questions: _Questions,
    progress: Progress,
    answers: dict[str, str] | None,
) -> SearchResult:
    # Late: the pages need jinja2, and merging alone does not.
    from adamms.reports import build_report

    options, alphas, examples = questions.options, questions.alphas, questions.examples
    _same_recipe(folder, pair.recipe)
    _write_json(folder.path / "mapping.json", pair.mapping.to_json())
    log = _Log(folder.path / "log.jsonl")
    log("started", version=__version__, inputs=len(examples), candidates=len(alphas))
    responses = _answers(pair, questions, folder, progress=progress)
    log("answered", answers=sum(map(len, responses.values())))
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
        by_alpha = {f"{alpha:g}": value for alpha, value in accuracy.items()}
        _write_json(folder.path / "accuracy.json", by_alpha)
    _write_candidate(pair, folder.path / MERGED, selection.selected, selection=selection, progress=progress)
    if options.keep_all:
        for alpha in alphas:
            target = folder.path / "candidates" / f"alpha={format_alpha(alpha)}"
            _write_candidate(pair, target, alpha, selection=None, progress=progress)
    log("finished")
    build_report(folder.path)
    folder.commit()
    return SearchResult(folder.target, pair.mapping, selection, accuracy)


def _answers(pair: _Pair, questions: _Questions, folder: OutputFolder, *, progress: Progress) -> Responses:
    """Every candidate's answers, written as they come; those of an interrupted run are not asked again."""
    # Late: the engine brings transformers with it.
    from adamms.searching.sweep import sweep

    options = questions.options
    target = folder.path / "responses"
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.iterdir()) else {}
    done = {(alpha, id_) for alpha, answered in known.items() for id_ in answered}
    if done:
        progress.say(f"Resuming: {len(done)} answers are already there.")
    total = len(questions.alphas) * len(questions.examples)
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(target) as writer,
    ):
        advance(len(done))
        try:
            for response in sweep(
                pair.base,
                pair.donor,
                questions.examples,
                questions.alphas,
                mapped=pair.mapped,
                method=pair.method_at,
                skip=done,
                max_new_tokens=options.max_new_tokens,
                batch_size=options.batch_size,
                device=options.device,
                dtype=options.dtype,
                trust_remote_code=options.trust_remote_code,
                vision_tower=options.vision_tower,
            ):
                writer.write(response)
                # From here on there is something worth resuming.
                folder.keep_on_failure = True
                advance(1)
        except KeyboardInterrupt:
            progress.say("The answers so far are kept; go on with --resume.")
            raise
    return read_responses(target)


def _accuracy(
    responses: Responses, examples: list[Example], answers: dict[str, str] | None
) -> dict[float, float] | None:
    """The share of right answers a candidate, where the true answers are known; never read by the choice."""
    from adamms.evaluation.accuracy import score

    known = answers or {example.id: example.answer for example in examples if example.answer is not None}
    if any(example.id not in known for example in examples):
        return None
    return {alpha: score(answered, known) for alpha, answered in responses.items()}


def _write_candidate(
    pair: _Pair, folder: Path, alpha: float, *, selection: Selection | None, progress: Progress
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_merged(pair, folder, method=pair.method_at(alpha), selection=selection, progress=progress)


def _write_merged(
    pair: _Pair, folder: Path, *, method: Method, selection: Selection | None, progress: Progress
) -> None:
    """One merged checkpoint: weights in the base's layout, companions, `adamms.json` and the model card."""
    # Late: torch takes seconds, and most mistakes are found before it is needed.
    from adamms.merging.stream import stream_merge
    from adamms.reports import write_model_card

    options = pair.recipe.merge
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
        tower = recipe.search.vision_tower
        updates = {
            "inputs": recipe.search.inputs.resolve(),
            "vision_tower": str(Path(tower).resolve()) if tower and Path(tower).exists() else tower,
        }
        changes["search"] = recipe.search.model_copy(update=updates)
    return recipe.model_copy(update=changes)


def _same_recipe(folder: OutputFolder, recipe: Recipe) -> None:
    """Write the recipe into the run, or, where a run is resumed, insist that it is still the same."""
    path, text = folder.path / RECIPE, recipe.to_yaml()
    if folder.resumed and path.exists():
        before = path.read_text(encoding="utf-8").splitlines()
        changed = [line.strip() for line in text.splitlines() if line not in before]
        if changed:
            raise RecipeError(
                f"The interrupted run was started with other settings; now different: {'; '.join(changed)}. "
                "Repeat the first run's settings, or start anew with --overwrite instead of --resume."
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
