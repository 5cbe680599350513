"""Answers of a run, asked and written as they come, never asked twice.

Of the candidates, each in a file of its own; of the base where no candidate is it; and whatever else answers
beside them. Knows a run's folder and how an interrupted one goes on, not which candidate is chosen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from adamms.answering.sweep import Merge, Sweep
from adamms.checkpoints import OutputFolder
from adamms.merging import make_method
from adamms.progress import Progress
from adamms.responses import (
    LineWriter,
    Response,
    Responses,
    ResponseWriter,
    read_donor_answers,
    read_responses,
)
from adamms.responses.reading import BASE_ANSWERS
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan

RESPONSES = "responses"
"""In a run directory: the folder of all answers."""


def base_merge(loaded: LoadedModels) -> Merge:
    """The base itself, as a merge of its own."""
    return Merge(loaded.parents, make_method("linear", {"alpha": 0.0}), 0.0)


def known_responses(folder: OutputFolder, progress: Progress) -> dict[float, dict[str, Response]]:
    """The candidates' answers that an interrupted run left."""
    target = folder.path / RESPONSES
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.glob("*=*.jsonl")) else {}
    if done := sum(map(len, known.values())):
        progress.say(f"Resuming: {done} answers are already there.")
    return known


def collect_responses(
    sweep: Sweep,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    wanted: Mapping[float, Sequence[str]] | None = None,
    known: dict[float, dict[str, Response]],
    progress: Progress,
) -> Responses:
    """The answers of candidates; those that are known are not asked again.

    Args:
        sweep: what answers.
        plan: the questions and the candidates.
        folder: the run's.
        wanted: alpha -> input ids; everything of every candidate when left out.
        known: what was answered before; new answers are added.
        progress: told of every answer.

    Raises:
        SearchError: the base cannot be loaded or asked; the message says why.
    """
    if wanted is None:
        wanted = dict.fromkeys(plan.alphas, plan.ids)
    rest = {alpha: [id_ for id_ in ids if id_ not in known.get(alpha, {})] for alpha, ids in wanted.items()}
    total = sum(map(len, wanted.values()))
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(folder.path / RESPONSES, setting=plan.options.setting) as writer,
        resumable(folder, progress),
    ):
        advance(total - sum(map(len, rest.values())))
        for response in sweep.ask(rest):
            writer.write(response)
            known.setdefault(response.alpha, {})[response.id] = response
            # From here on there is something worth resuming.
            folder.keep_on_failure = True
            advance(1)
    return dict(sorted(known.items()))


def collect_base_answers(
    sweep: Sweep, base: Merge, plan: SearchPlan, folder: OutputFolder, *, progress: Progress
) -> dict[str, Response]:
    """The base's own answers, for a search that has no candidate that is the base; a pass of its own.

    Raises:
        SearchError: the base cannot be loaded or asked.
    """
    return keep_answers(
        folder,
        folder.path / RESPONSES / BASE_ANSWERS,
        plan.ids,
        lambda ids: sweep.ask_other(base, ids),
        title="Asking the base alone",
        progress=progress,
    )


def keep_answers(
    folder: OutputFolder,
    file: Path,
    ids: Sequence[str],
    ask: Callable[[list[str]], Iterable[Response]],
    *,
    title: str,
    stand_in: bool = False,
    progress: Progress,
) -> dict[str, Response]:
    """One model's answers in a file of their own: those that are there, and the rest asked and added.

    Args:
        folder: the run's.
        file: where they lie.
        ids: the inputs.
        ask: asks some of them.
        title: of the stage.
        stand_in: whether it answers in a donor's stead.
        progress: told of every answer.
    """
    file.parent.mkdir(exist_ok=True)
    known = read_donor_answers(file) if file.is_file() else {}
    wanted = [id_ for id_ in ids if id_ not in known]
    if not wanted:
        return known
    with (
        progress.stage(title, total=len(ids), unit="answers") as advance,
        LineWriter(file) as out,
        resumable(folder, progress),
    ):
        advance(len(ids) - len(wanted))
        for response in ask(wanted):
            out.answer(response, stand_in=stand_in)
            known[response.id] = response
            folder.keep_on_failure = True
            advance(1)
    return known


@contextmanager
def resumable(folder: OutputFolder, progress: Progress) -> Iterator[None]:
    """Say, where somebody interrupts, that what was answered so far is kept."""
    try:
        yield
    except KeyboardInterrupt:
        if folder.keep_on_failure:
            progress.say("The answers so far are kept; go on with --resume.")
        raise
