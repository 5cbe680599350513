"""A run, from two models to a merged one: mapping -> merging, with searching between where alpha is unknown.

The only file that knows every step. The command line, the Python functions (`api.py`) and a YAML file each
make a `Recipe`, and `run` does what it says: one road for all.
"""

import json
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adamms.checkpoints import OutputFolder
from adamms.chosen import candidates_of, chosen_merge, with_candidate
from adamms.errors import AdaMMSError, CheckpointError, RecipeError
from adamms.evaluation.labels import Label, labels_of
from adamms.evaluation.scoring import answer_scores
from adamms.mapping import ParameterMapping
from adamms.merging import Method, check_merge
from adamms.opening import Opened, keep_sources, method_of, open_models
from adamms.progress import Progress, Silent
from adamms.recipe import Recipe, SearchOptions
from adamms.searching import (
    Example,
    Race,
    Racing,
    Response,
    Responses,
    ResponseWriter,
    Selection,
    format_alpha,
    read_inputs,
    read_log_probabilities,
    read_responses,
    sample,
    select,
)
from adamms.searching.candidates import ALPHA
from adamms.searching.command import CommandGenerator
from adamms.searching.rehearsal import rehearse
from adamms.searching.signals import SUPERVISED, find_signal
from adamms.version import __version__
from adamms.walking import base_answers, take_walk
from adamms.writing import (
    ADAMMS_JSON,
    require_unchanged,
    source_files,
    write_json,
    write_merged,
)

CHOICE = (
    "rule",
    "gated",
    "metric",
    "embedding_model",
    "fold_case",
    "ends",
    "seed",
    "repeats",
    "subset",
    "setting",
)
"""The settings of a search that its choice takes; the others are about asking."""

MERGED = "merged"
RECIPE = "recipe.yaml"
INPUTS = "inputs"
"""The inputs of a search that drew them from a benchmark."""
SCRATCH = "scratch"
"""In a run directory while a command answers: the candidate at hand."""


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
    keep_sources(recipe, out)
    # The output's place is claimed first: nobody should download two models to learn that it is taken.
    with (
        OutputFolder.open(
            out, overwrite=overwrite, resume=resume, marker=marker, keep_on_failure=searching
        ) as folder,
        ExitStack() as models,
    ):
        if folder.discarded:
            progress.say(
                "An interrupted run was found and is begun anew; --resume would have gone on with it."
            )
        for note in recipe.notes:
            progress.say(note)
        # Nor should what an interrupted run left be lost to a slip in the next command.
        folder.keep_on_failure = folder.resumed
        if recipe.search is None:
            method = method_of(recipe)
            return _merge(open_models(recipe, models, progress), folder, method=method, progress=progress)
        questions = _Questions.of(recipe, folder, progress)
        opened = open_models(recipe, models, progress)
        return _search(opened, folder, questions=questions, progress=progress, answers=answers)


@dataclass(frozen=True)
class _Questions:
    """What a search asks, and of which candidates."""

    options: SearchOptions
    alphas: tuple[float, ...]
    examples: list[Example]

    labels: Mapping[str, Label] | None = None
    """The true answers, only where the rule is the supervised baseline."""

    @classmethod
    def of(cls, recipe: Recipe, folder: OutputFolder, progress: Progress) -> "_Questions":
        options = recipe.search
        assert options is not None
        alphas = candidates_of(recipe)
        inputs = options.inputs or _drawn(options, folder.path / INPUTS, progress)
        examples = sample(read_inputs(inputs), options.samples, seed=options.seed)
        labels = labels_of(inputs, examples) if options.rule == SUPERVISED else None
        questions = cls(options, alphas, examples, labels)
        rehearse(examples, questions.alphas, **questions.choice)
        if labels is not None:
            # A metric that the labels do not suffice for must not be found out after the last answer.
            questions.right({each.id: Response(each.id, 0.0, "x") for each in examples})
        return questions

    def right(self, answers: Mapping[str, Response]) -> dict[str, float]:
        """How right each answer is, where the true answers may be read."""
        assert self.labels is not None
        return answer_scores(answers, self.labels, metric=self.options.label_metric)

    @property
    def choice(self) -> dict[str, Any]:
        """How the candidate is chosen: the keyword arguments of `select`."""
        return {name: getattr(self.options, name) for name in CHOICE}

    @property
    def comparison(self) -> dict[str, Any]:
        """How answers are compared: the keyword arguments of `AnswerTable.of`."""
        return {
            name: getattr(self.options, name) for name in ("metric", "embedding_model", "fold_case", "ends")
        }

    @property
    def race(self) -> Race:
        """The search before its first question."""
        return Race.of(
            [example.id for example in self.examples],
            self.alphas,
            signal=find_signal(self.options.rule),
            gated=self.options.gated,
            seed=self.options.seed,
            exhaustive=not self.options.raced,
        )


def _drawn(options: SearchOptions, folder: Path, progress: Progress) -> Path:
    """The run's own inputs, drawn from the benchmark, or those that an interrupted run had drawn."""
    # Late: it starts processes, and most searches name a file.
    from adamms.evaluation import benchmark_inputs

    known, benchmark = folder / benchmark_inputs.INPUTS, options.benchmark
    if known.exists() or benchmark is None:
        return known
    progress.say(f"Drawing {options.samples} inputs from {', '.join(benchmark.tasks)} with lmms-eval.")
    return benchmark_inputs.draw_inputs(
        benchmark.tasks,
        folder,
        samples=options.samples,
        seed=options.seed,
        include_path=benchmark.include_path,
        python=benchmark.python,
    )


def _merge(opened: Opened, folder: OutputFolder, *, method: Method, progress: Progress) -> MergeResult:
    folder.keep_on_failure = True
    try:
        write_merged(
            opened,
            folder.path,
            method=method,
            selection=None,
            progress=progress,
            files=source_files(opened.parents),
            resume=folder.resumed,
        )
    except AdaMMSError as error:
        # What is wrong with the input stays wrong; only the machine's faults are worth resuming after.
        folder.keep_on_failure = error.exit_code != AdaMMSError.exit_code
        raise
    except KeyboardInterrupt:
        progress.say("What was merged so far is kept; go on with --resume.")
        raise
    (folder.path / RECIPE).write_text(opened.recipe.to_yaml(), encoding="utf-8")
    folder.commit()
    return MergeResult(folder.target, opened.mapping, method)


def _search(
    opened: Opened,
    folder: OutputFolder,
    *,
    questions: _Questions,
    progress: Progress,
    answers: dict[str, str] | None,
) -> SearchResult:
    # Late: the pages need jinja2, and merging alone does not.
    from adamms.reports import build_report

    options, alphas, examples = questions.options, questions.alphas, questions.examples
    for alpha in alphas:
        check_merge(opened.parents, opened.method_at(alpha))
    _same_recipe(folder, opened.recipe)
    write_json(folder.path / "mapping.json", opened.mapping.to_json())
    log = _Log(folder.path / "log.jsonl")
    log("started", version=__version__, inputs=len(examples), candidates=len(alphas))
    files = source_files(opened.parents)
    responses, racing = _answers(opened, questions, folder, progress=progress, log=log)
    try:
        require_unchanged(opened.parents, files)
    except CheckpointError:
        # Answers of models that no longer exist are not worth resuming with.
        folder.keep_on_failure = False
        raise
    log("answered", answers=sum(map(len, responses.values())))
    labelled = questions.labels is not None
    base = None
    if options.setting != ALPHA:
        base = base_answers(opened, examples, folder.path / "responses", progress=progress)
    selection = select(
        responses,
        **questions.choice,
        log_probabilities=_log_probabilities(opened, questions, folder, responses, progress=progress),
        labels={alpha: questions.right(each) for alpha, each in responses.items()} if labelled else None,
        base=base,
        racing=racing,
    )
    if options.by is not None:
        walked = take_walk(
            opened,
            examples,
            folder.path,
            responses=responses,
            selection=selection,
            labels=questions.right if labelled else None,
            progress=progress,
        )
        selection = replace(selection, walk=walked)
        log("walked", passes=walked.passes, accepted=len(walked.accepted), selected=list(walked.selected))
    write_json(folder.path / "selection.json", selection.to_json())
    log("selected", **{selection.setting: selection.selected}, tied=list(selection.tied))
    shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    accuracy = _accuracy(responses, examples, answers)
    if accuracy:
        by_alpha = {f"{alpha:g}": value for alpha, value in accuracy.items()}
        write_json(folder.path / "accuracy.json", by_alpha)

    def write(target: Path, merge: Recipe, chosen: Selection | None) -> None:
        """The checkpoint of one merge, with the recipe that makes it again without a search."""
        target.mkdir(parents=True, exist_ok=True)
        method = method_of(merge)
        write_merged(opened, target, method=method, selection=chosen, progress=progress, files=files)
        (target / RECIPE).write_text(merge.to_yaml(), encoding="utf-8")

    write(folder.path / MERGED, chosen_merge(opened.recipe, selection), selection)
    if options.keep_all:
        for alpha in alphas:
            name = f"{options.setting}={format_alpha(alpha)}"
            write(folder.path / "candidates" / name, with_candidate(opened.recipe, alpha), None)
    log("finished")
    build_report(folder.path)
    folder.commit()
    return SearchResult(folder.target, opened.mapping, selection, accuracy)


def _answers(
    opened: Opened, questions: _Questions, folder: OutputFolder, *, progress: Progress, log: "_Log"
) -> tuple[Responses, Racing | None]:
    """The candidates' answers, written as they come; those of an interrupted run are not asked again.

    They are asked in rounds (`racing.py`); those of a resumed run are gone through again, so that it ends as
    an unbroken one.
    """
    # Late: the engine brings transformers with it.
    from adamms.searching.sweep import Sweep

    options = questions.options
    target = folder.path / "responses"
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.glob("*=*.jsonl")) else {}
    done = sum(map(len, known.values()))
    if done:
        progress.say(f"Resuming: {done} answers are already there.")
    asking = Sweep(
        opened.parents,
        questions.examples,
        method=opened.method_at,
        generator=_command(opened, folder, options),
        resident=options.parents,
        say=progress.say,
        **options.engine,
    )
    race = questions.race
    total = len(questions.alphas) * len(questions.examples)
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(target, setting=options.setting) as writer,
    ):
        advance(done)
        try:
            while not race.over:
                wanted = {
                    alpha: [id_ for id_ in ids if id_ not in known.get(alpha, {})]
                    for alpha, ids in race.wanted.items()
                }
                for response in asking.ask(wanted):
                    writer.write(response)
                    known.setdefault(response.alpha, {})[response.id] = response
                    # From here on there is something worth resuming.
                    folder.keep_on_failure = True
                    advance(1)
                race = race.after(known, **questions.comparison)
                log("round", inputs=race.inputs, candidates=list(race.alphas), settled=race.settled)
        except KeyboardInterrupt:
            if folder.keep_on_failure:
                progress.say("The answers so far are kept; go on with --resume.")
            raise
        advance(total - sum(map(len, known.values())))
    return race.compared(dict(sorted(known.items()))), race.record


def _command(opened: Opened, folder: OutputFolder, options: SearchOptions) -> CommandGenerator | None:
    """The engine of a search whose answers another program gives."""
    if options.command is None:
        return None
    scratch = folder.path / SCRATCH
    # What a killed search left there is a candidate that was not asked to its end.
    shutil.rmtree(scratch, ignore_errors=True)

    files = source_files(opened.parents)

    def write(alpha: float, target: Path) -> None:
        target.mkdir(parents=True)
        write_merged(
            opened, target, method=opened.method_at(alpha), selection=None, progress=Silent(), files=files
        )

    return CommandGenerator(options.command, scratch=scratch, write=write)


def _log_probabilities(
    opened: Opened,
    questions: _Questions,
    folder: OutputFolder,
    responses: Responses,
    *,
    progress: Progress,
) -> dict[float, dict[str, float]] | None:
    """What each candidate thinks of the plurality's answers: a pass of its own, only where the rule asks."""
    if "log_probabilities" not in find_signal(questions.options.rule).needs:
        return None
    # Late: the engine brings transformers with it.
    from adamms.searching.plurality import keep_log_probabilities, plurality_answers
    from adamms.searching.sweep import log_probability_sweep

    options = questions.options
    answers = plurality_answers(responses, fold_case=options.fold_case)
    known = read_log_probabilities(folder.path) or {}
    done = {(alpha, id_) for alpha, by_id in known.items() for id_ in by_id}
    total = len(questions.alphas) * len(questions.examples)
    with progress.stage("Asking about the plurality's answers", total=total, unit="answers") as advance:
        advance(len(done))
        found = log_probability_sweep(
            opened.parents,
            questions.examples,
            questions.alphas,
            method=opened.method_at,
            answers=answers,
            skip=done,
            progress=advance,
            **options.engine,
        )
        for alpha, id_, value in keep_log_probabilities(folder.path, answers, found, setting=options.setting):
            known.setdefault(alpha, {})[id_] = value
    return known


def _accuracy(
    responses: Responses, examples: list[Example], answers: dict[str, str] | None
) -> dict[float, float] | None:
    """The share of right answers a candidate, where the true answers are known; never read by the choice."""
    from adamms.evaluation.accuracy import score

    known = answers or {example.id: example.answer for example in examples if example.answer is not None}
    if any(example.id not in known for example in examples):
        return None
    return {alpha: score(answered, known) for alpha, answered in responses.items()}


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


class _Log:
    """`log.jsonl`: what happened when, one JSON line an event."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, **facts: object) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
