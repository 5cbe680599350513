"""Answers of a run, asked and written as they come, never asked twice.

Of the candidates, each in a file of its own; of the base where no candidate is it; and whatever else answers
or reads beside them. Knows a run's folder and how an interrupted one goes on, not which candidate is chosen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.answering.engine import GivenAnswer
from adamms.answering.tasks import Answer, ModelName
from adamms.checkpoints import OutputFolder
from adamms.errors import SearchError
from adamms.progress import Progress
from adamms.responses import (
    LineWriter,
    Response,
    Responses,
    parent_line,
    read_donor_answers,
    read_responses,
    response_file,
)
from adamms.responses.reading import BASE_ANSWERS
from adamms.runs.executors import Executor, tasks_of
from adamms.runs.search_plan import SearchPlan

RESPONSES = "responses"
"""In a run directory: the folder of all answers."""


@dataclass(frozen=True)
class Wanted:
    """What a model is to be asked, what of it is there, and where the rest is written."""

    model: ModelName
    ids: Sequence[str]
    file: Path
    known: dict[str, Any]
    """Input id -> what is kept of its answer; new ones are added."""
    line: Callable[[Any], Mapping[str, Any]]
    """What is kept of an answer -> its line in the file."""
    keep: Callable[[Answer], Any] = lambda answer: answer
    """An answer -> what is kept of it."""
    given: Mapping[str, tuple[GivenAnswer, ...]] | None = None
    """The answers that are read, where it does not answer."""

    @property
    def missing(self) -> list[str]:
        """The inputs that are to be asked."""
        return [id_ for id_ in self.ids if id_ not in self.known]


def known_responses(folder: OutputFolder, progress: Progress) -> dict[float, dict[str, Response]]:
    """The candidates' answers that an interrupted run left."""
    target = folder.path / RESPONSES
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.glob("*=*.jsonl")) else {}
    if done := sum(map(len, known.values())):
        progress.say(f"Resuming: {done} answers are already there.")
    return {alpha: dict(answered) for alpha, answered in known.items()}


def wanted_responses(
    plan: SearchPlan,
    folder: OutputFolder,
    wanted: Mapping[float, Sequence[str]],
    known: dict[float, dict[str, Response]],
) -> list[Wanted]:
    """What candidates are to be asked.

    Args:
        plan: the questions and the candidates.
        folder: the run's.
        wanted: alpha -> input ids.
        known: what was answered before; new answers are added.
    """
    setting = plan.options.setting
    return [
        Wanted(
            ModelName("candidate", alpha),
            ids,
            response_file(folder.path / RESPONSES, alpha, setting=setting),
            known.setdefault(alpha, {}),
            lambda response: response.to_json(setting),
        )
        for alpha, ids in wanted.items()
    ]


def wanted_of_parent(model: ModelName, plan: SearchPlan, file: Path, *, stand_in: bool = False) -> Wanted:
    """What a parent is to be asked: everything, in a file of its own.

    Args:
        model: the parent, or who answers in its stead.
        plan: the questions.
        file: where its answers lie.
        stand_in: whether it answers in a donor's stead.
    """
    known = dict(read_donor_answers(file)) if file.is_file() else {}
    return Wanted(model, plan.ids, file, known, lambda response: parent_line(response, stand_in=stand_in))


def wanted_of_base(plan: SearchPlan, folder: OutputFolder) -> Wanted:
    """What the base is to be asked, for a search that has no candidate that is the base."""
    return wanted_of_parent(ModelName("base"), plan, folder.path / RESPONSES / BASE_ANSWERS)


def collect_responses(
    executor: Executor,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    wanted: Mapping[float, Sequence[str]] | None = None,
    known: dict[float, dict[str, Response]],
    title: str = "Searching",
    progress: Progress,
) -> Responses:
    """The answers of candidates; those that are known are not asked again.

    Args:
        executor: what answers.
        plan: the questions and the candidates.
        folder: the run's.
        wanted: alpha -> input ids; everything of every candidate when left out.
        known: what was answered before; new answers are added.
        title: of the stage.
        progress: told of every answer.

    Raises:
        SearchError: the base cannot be loaded or asked; the message says why.
    """
    if wanted is None:
        wanted = dict.fromkeys(plan.alphas, plan.ids)
    collect(
        executor,
        plan,
        {title: wanted_responses(plan, folder, wanted, known)},
        folder,
        progress=progress,
    )
    return dict(sorted((alpha, answered) for alpha, answered in known.items() if answered))


def collect(
    executor: Executor,
    plan: SearchPlan,
    stages: Mapping[str, Sequence[Wanted]],
    folder: OutputFolder,
    *,
    together: str | None = None,
    unit: str = "answers",
    progress: Progress,
) -> dict[ModelName, SearchError]:
    """Ask what is missing and write it as it comes; stages are one where many work at a time.

    Args:
        executor: what answers.
        plan: how it is asked.
        stages: title -> what is wanted.
        folder: the run's.
        together: the title of all stages as one; the last one's when left out.
        unit: what an answer is called.
        progress: told of every answer.

    Returns:
        The donors that cannot be asked, and why; some of their answers may be there.

    Raises:
        SearchError: another model cannot be loaded or asked; the message says why.
    """
    if executor.workers > 1:
        everything = [entry for wanted in stages.values() for entry in wanted]
        asked = [entry.model for entry in everything if entry.missing]
        kind = "candidate" if all(model.kind == "candidate" for model in asked) else "model"
        models = f"{len(asked)} {kind}{'s' if len(asked) != 1 else ''}"
        stages = {f"{together or list(stages)[-1]} ({executor.workers} workers, {models})": everything}
    failed: dict[ModelName, SearchError] = {}
    for title, wanted in stages.items():
        failed |= _collect(executor, plan, title, wanted, folder, unit=unit, progress=progress)
    return failed


def _collect(
    executor: Executor,
    plan: SearchPlan,
    title: str,
    wanted: Sequence[Wanted],
    folder: OutputFolder,
    *,
    unit: str,
    progress: Progress,
) -> dict[ModelName, SearchError]:
    tasks = [
        task
        for entry in wanted
        for task in tasks_of(plan, entry.model, entry.ids, entry.given, missing=entry.missing)
    ]
    failed: dict[ModelName, SearchError] = {}
    if not tasks:
        return failed
    by_model = {entry.model: entry for entry in wanted}
    total, missing = sum(len(entry.ids) for entry in wanted), sum(len(entry.missing) for entry in wanted)
    with ExitStack() as resources:
        stage = progress.stage(title, total=total, unit=unit, done=total - missing)
        advance = resources.enter_context(stage)
        writers: dict[Path, LineWriter] = {}
        resources.enter_context(resumable(folder, progress))
        for outcome in executor.run(tasks):
            entry = by_model[outcome.task.model]
            if outcome.error is not None:
                if entry.model.kind != "donor" or not isinstance(outcome.error, SearchError):
                    raise outcome.error
                failed[entry.model] = outcome.error
            kept = {answer.id: entry.keep(answer) for answer in outcome.answers}
            if not kept:
                continue
            if entry.file not in writers:
                writers[entry.file] = resources.enter_context(LineWriter(entry.file))
            writers[entry.file].lines([entry.line(value) for value in kept.values()])
            entry.known.update(kept)
            # From here on there is something worth resuming.
            folder.keep_on_failure = True
            advance(len(kept))
    return failed


@contextmanager
def resumable(folder: OutputFolder, progress: Progress) -> Iterator[None]:
    """Say, where somebody interrupts, that what was answered so far is kept."""
    try:
        yield
    except KeyboardInterrupt:
        if folder.keep_on_failure:
            progress.say("The answers so far are kept; go on with --resume.")
        raise
