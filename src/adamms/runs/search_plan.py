"""What a search asks and what it is answered: inputs drawn, candidates asked, nothing asked twice.

Knows a run's folder and how an interrupted one goes on. Which candidate is chosen, and what is written then,
is the pipeline's.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.answering.command_engine import CommandEngine
from adamms.checkpoints import OutputFolder
from adamms.evaluation.labels import Label, labels_of
from adamms.evaluation.scoring import answer_scores
from adamms.merging import Method
from adamms.progress import Progress, Silent
from adamms.recipes.options import SearchOptions
from adamms.recipes.recipe import Recipe
from adamms.responses import (
    Example,
    Response,
    Responses,
    ResponseWriter,
    read_inputs,
    read_responses,
    sample,
)
from adamms.runs.candidate_recipes import candidates_of
from adamms.runs.loading import Opened, base_is_apart
from adamms.runs.writing import source_files, write_merged
from adamms.searching.dry_run import dry_run
from adamms.searching.signals import SUPERVISED

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

INPUTS = "inputs"
"""The inputs of a search that drew them from a benchmark."""
SCRATCH = "scratch"
"""In a run directory while a command answers: the candidate at hand."""


@dataclass(frozen=True)
class Questions:
    """What a search asks, and of which candidates."""

    options: SearchOptions
    alphas: tuple[float, ...]
    examples: list[Example]
    base_apart: bool
    """Whether no candidate is the base, which is asked by itself."""
    labels: Mapping[str, Label] | None = None
    """The true answers, only where the rule is the supervised baseline."""

    @classmethod
    def of(cls, recipe: Recipe, folder: OutputFolder, progress: Progress) -> "Questions":
        """The questions of a recipe's search; the choice is rehearsed, so that what it lacks is known now.

        Raises:
            AdaMMSError: the inputs cannot be read or drawn, or the rule cannot choose among such answers.
        """
        options = recipe.search
        assert options is not None
        alphas = candidates_of(recipe)
        inputs = options.inputs or _drawn(options, folder.path / INPUTS, progress)
        examples = sample(read_inputs(inputs), options.samples, seed=options.seed)
        labels = labels_of(inputs, examples) if options.rule == SUPERVISED else None
        questions = cls(options, alphas, examples, base_is_apart(recipe), labels)
        dry_run(examples, alphas, base_apart=questions.base_apart, **questions.choice)
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


def ask(
    opened: Opened,
    questions: Questions,
    folder: OutputFolder,
    *,
    progress: Progress,
) -> Responses:
    """The candidates' answers, written as they come; those of an interrupted run are not asked again."""
    # Late: the engine brings transformers with it.
    from adamms.answering.sweep import Sweep

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
        generator=command_of(opened, folder, method=opened.method_at),
        resident=options.parents,
        say=progress.say,
        **options.engine,
    )
    total = len(questions.alphas) * len(questions.examples)
    wanted = {
        alpha: [example.id for example in questions.examples if example.id not in known.get(alpha, {})]
        for alpha in questions.alphas
    }
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(target, setting=options.setting) as writer,
    ):
        advance(done)
        try:
            for response in asking.ask(wanted):
                writer.write(response)
                known.setdefault(response.alpha, {})[response.id] = response
                # From here on there is something worth resuming.
                folder.keep_on_failure = True
                advance(1)
        except KeyboardInterrupt:
            if folder.keep_on_failure:
                progress.say("The answers so far are kept; go on with --resume.")
            raise
    return dict(sorted(known.items()))


def command_of(
    opened: Opened, folder: OutputFolder, *, method: Callable[[float], Method]
) -> CommandEngine | None:
    """The engine of a search whose answers another program gives, of what a method makes at each alpha."""
    assert opened.recipe.search is not None
    command = opened.recipe.search.command
    if command is None:
        return None
    scratch = folder.path / SCRATCH
    # What a killed search left there is a candidate that was not asked to its end.
    shutil.rmtree(scratch, ignore_errors=True)

    files = source_files(opened.parents)

    def write(alpha: float, target: Path) -> None:
        target.mkdir(parents=True)
        write_merged(opened, target, method=method(alpha), selection=None, progress=Silent(), files=files)

    return CommandEngine(command, scratch=scratch, write=write)
