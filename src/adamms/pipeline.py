"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. The command line, the Python functions (`api.py`) and a YAML file each
make a `Recipe`, and `run` does what it says: one road for all.
"""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from adamms.checkpoints import Checkpoint, CheckpointWriter, OutputFolder
from adamms.errors import AdaMMSError, CheckpointError, MappingError, RecipeError
from adamms.mapping import MappedDonor, ParameterMapping, map_parameters
from adamms.merging import Method, Parents, View, find_method, make_method
from adamms.merging.journal import Journal
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
        resume: go on with a merge or a search that was killed.
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
            out, overwrite=overwrite, resume=resume, marker=marker, keep_on_failure=True
        ) as folder,
        ExitStack() as models,
    ):
        for note in recipe.notes:
            progress.say(note)
        # Nor should what an interrupted run left be lost to a slip in the next command.
        folder.keep_on_failure = folder.resumed
        if recipe.search is None:
            method = _method(recipe)
            return _merge(_open_pair(recipe, models, progress), folder, method=method, progress=progress)
        questions = _Questions.of(recipe.search)
        pair = _open_pair(recipe, models, progress)
        return _search(pair, folder, questions=questions, progress=progress, answers=answers)


def _open_pair(recipe: Recipe, models: ExitStack, progress: Progress) -> "_Pair":
    """Open and map all models from their headers; download weights only if the mapping holds."""

    def data_of(headers: Checkpoint) -> Checkpoint:
        if headers.folder is None:
            progress.say(f"Fetching {headers.source} from the hub.")
            headers = models.enter_context(
                Checkpoint.open(headers.source, revision=headers.revision, download=True)
            )
        headers.require_data()
        return headers

    def headers_of(source: str) -> Checkpoint:
        return models.enter_context(Checkpoint.open(source))

    base, donor = headers_of(recipe.base), headers_of(recipe.donor)
    others = [headers_of(each.model) for each in recipe.donors]
    mapping = resolve_mapping(recipe, base, donor)
    mappings = [mapping, *(_map_other(recipe, base, other) for other in others)]
    # Methods that do not read the ancestor neither map nor download it.
    reads = recipe.pretrained and find_method(recipe.merge.method).pretrained != "unused"
    pretrained = headers_of(recipe.pretrained) if recipe.pretrained and reads else None
    ancestral = _map_ancestor(recipe, base, pretrained) if pretrained else None
    for each in (*mappings, *([ancestral] if ancestral else [])):
        for note in each.notes:
            progress.say(note)
    base, donors = data_of(base), [data_of(each) for each in (donor, *others)]
    ancestor = None
    if pretrained and ancestral:
        pretrained = data_of(pretrained)
        ancestor = View(pretrained, MappedDonor(ancestral, base, pretrained))
    views = [View(each, MappedDonor(its, base, each)) for each, its in zip(donors, mappings, strict=True)]
    parents = Parents(base, tuple(views), ancestor)
    method = _method(recipe, None if recipe.search is None else 0.0)
    parents.views_for(method)
    tensors, parameters = parents.without_ancestor(method)
    if parameters:
        progress.say(
            f"{parameters:,} parameters in {tensors} tensors have no counterpart in the pretrained model: "
            "they stay the base's."
        )
    return _Pair(_pin(recipe, parents), parents, mapping, parameters)


@dataclass(frozen=True)
class _Pair:
    """The opened models, how the first donor maps, and the recipe with their identities pinned."""

    recipe: Recipe
    parents: Parents
    mapping: ParameterMapping
    without_ancestor: int

    @property
    def base(self) -> Checkpoint:
        return self.parents.base

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
    settings = dict(options.settings)
    first = options.alpha if alpha is None else alpha
    if first is not None:
        settings["alpha"] = first
    if recipe.donors and "alpha" in settings:
        own = (settings["alpha"], *(each.alpha for each in recipe.donors))
        settings["alpha"] = tuple(settings["alpha"] if each is None else each for each in own)
    return make_method(options.method, settings)


def _map_other(recipe: Recipe, base: Checkpoint, donor: Checkpoint) -> ParameterMapping:
    """A further donor's mapping: the same readings as the first one's."""
    options = recipe.mapping
    return map_parameters(base, donor, duplicates=options.duplicates, vocabulary=options.vocabulary)


def _map_ancestor(recipe: Recipe, base: Checkpoint, pretrained: Checkpoint) -> ParameterMapping:
    """The ancestor's mapping: whatever a donor may reach must have its origin, duplicates included."""
    rule = "rows" if recipe.mapping.vocabulary == "rows" else "tokens"
    try:
        return map_parameters(base, pretrained, duplicates="paired", vocabulary=rule)  # type: ignore[arg-type]
    except MappingError as error:
        raise MappingError(
            f"The pretrained model {pretrained.source} is not an ancestor of {base.source}: {error}"
        ) from None


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
    folder.keep_on_failure = True
    try:
        _write_merged(
            pair, folder.path, method=method, selection=None, progress=progress, resume=folder.resumed
        )
    except AdaMMSError as error:
        # What is wrong with the input stays wrong; only the machine's faults are worth resuming after.
        folder.keep_on_failure = error.exit_code != AdaMMSError.exit_code
        raise
    except KeyboardInterrupt:
        progress.say("What was merged so far is kept; go on with --resume.")
        raise
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
    # From here on there is something worth resuming.
    folder.keep_on_failure = True
    responses = _answers(pair, questions, folder.path / "responses", progress=progress)
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


def _answers(pair: _Pair, questions: _Questions, folder: Path, *, progress: Progress) -> Responses:
    """Every candidate's answers, written as they come; those of an interrupted run are not asked again."""
    # Late: the engine brings transformers with it.
    from adamms.searching.sweep import sweep

    options = questions.options
    folder.mkdir(exist_ok=True)
    known = read_responses(folder) if any(folder.iterdir()) else {}
    done = {(alpha, id_) for alpha, answered in known.items() for id_ in answered}
    if done:
        progress.say(f"Resuming: {len(done)} answers are already there.")
    total = len(questions.alphas) * len(questions.examples)
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(folder) as writer,
    ):
        advance(len(done))
        try:
            for response in sweep(
                pair.parents,
                questions.examples,
                questions.alphas,
                method=pair.method_at,
                skip=done,
                max_new_tokens=options.max_new_tokens,
                batch_size=options.batch_size,
                device=options.device,
                dtype=options.dtype,
                trust_remote_code=options.trust_remote_code,
            ):
                writer.write(response)
                advance(1)
        except KeyboardInterrupt:
            progress.say("The answers so far are kept; go on with --resume.")
            raise
    return read_responses(folder)


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
    pair: _Pair,
    folder: Path,
    *,
    method: Method,
    selection: Selection | None,
    progress: Progress,
    resume: bool = False,
) -> None:
    """One merged checkpoint: weights in the base's layout, companions, `adamms.json` and the model card."""
    # Late: torch takes seconds, and most mistakes are found before it is needed.
    from adamms.merging.facts import elements_to_measure, model_facts
    from adamms.merging.stream import stream_merge
    from adamms.reports import write_model_card

    options = pair.recipe.merge
    writer = CheckpointWriter(
        folder, pair.base, dtype=options.dtype, max_shard_size=options.max_shard_size, resume=resume
    )
    journal = Journal(folder, writer, about=_about(pair, method))
    if journal.done:
        progress.say("Resuming: what the interrupted merge wrote is kept.")
    before = _state(pair.parents)
    facts: dict[str, Any] = {}
    if elements := elements_to_measure(pair.parents, method):
        with progress.stage("Measuring", total=elements, unit="parameters") as advance:
            facts = model_facts(pair.parents, method, threads=options.threads, progress=advance)
    total = sum(info.nbytes for info in writer.tensors.values())
    with progress.stage("Merging", total=total, unit="bytes") as advance:
        stream_merge(
            pair.parents,
            method=method,
            writer=writer,
            threads=options.threads,
            progress=advance,
            facts=facts,
            journal=journal,
        )
    if _state(pair.parents) != before:
        raise CheckpointError("A source was changed while it was merged; merge again when it is at rest.")
    writer.finish()
    journal.remove()
    description = {
        "version": __version__,
        "base": _identity(pair.base),
        "donor": _identity(pair.parents.donors[0].checkpoint),
        **_other_parents(pair),
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


def _about(pair: _Pair, method: Method) -> dict[str, Any]:
    """What a merge's values depend on, for the journal."""
    parents = pair.parents
    views = (*parents.donors, *([parents.pretrained] if parents.pretrained else []))
    mappings = json.dumps([view.mapped.mapping.to_json()["tensors"] for view in views], sort_keys=True)
    options = pair.recipe.merge
    return {
        "version": __version__,
        "parents": [_identity(parents.base), *(_identity(view.checkpoint) for view in views)],
        "files": [[name, size, changed] for name, size, changed in _state(parents)],
        "mappings": sha256(mappings.encode()).hexdigest(),
        "method": method.name,
        "settings": method.settings,
        "dtype": options.dtype,
        "max_shard_size": options.max_shard_size,
    }


def _state(parents: Parents) -> list[tuple[str, int, int]]:
    """The parents' weight files, their sizes and when they were changed."""
    views = (*parents.donors, *([parents.pretrained] if parents.pretrained else []))
    found = []
    for model in (parents.base, *(view.checkpoint for view in views)):
        for shard in model.shards:
            about = ((model.folder or Path()) / shard).stat()
            found.append((f"{model.source}/{shard}", about.st_size, about.st_mtime_ns))
    return found


def _other_parents(pair: _Pair) -> dict[str, Any]:
    """Further donors and the ancestor, where there are any."""
    parents = pair.parents
    found: dict[str, Any] = {}
    if parents.donors[1:]:
        found["donors"] = [
            {**_identity(view.checkpoint), **view.mapped.mapping.summary()} for view in parents.donors[1:]
        ]
    if parents.pretrained:
        found["pretrained"] = {
            **_identity(parents.pretrained.checkpoint),
            "parameters_without_ancestor": pair.without_ancestor,
        }
    return found


def _identity(model: Checkpoint) -> dict[str, str | None]:
    return {"source": model.source, "revision": model.revision, "fingerprint": model.fingerprint()}


def _pin(recipe: Recipe, parents: Parents) -> Recipe:
    """The recipe that repeats this run: absolute paths, and hub ids with the revision that was read."""

    def name(model: Checkpoint) -> str:
        return f"{model.source}@{model.revision}" if model.revision else model.source

    donor, *others = (name(view.checkpoint) for view in parents.donors)
    changes: dict[str, Any] = {"base": name(parents.base), "donor": donor}
    changes["donors"] = tuple(
        each.model_copy(update={"model": other}) for each, other in zip(recipe.donors, others, strict=True)
    )
    if parents.pretrained:
        changes["pretrained"] = name(parents.pretrained.checkpoint)
    if recipe.search:
        changes["search"] = recipe.search.model_copy(update={"inputs": recipe.search.inputs.resolve()})
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
