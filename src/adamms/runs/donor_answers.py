"""The donors as witnesses: what each answers by itself, in its own architecture.

A donor that cannot be asked (a plain language model before pictures, no processor, or nobody wants it asked)
has a stand-in: its language model in the base's body, which is the merge of alpha 1.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adamms.answering.tasks import ModelName
from adamms.checkpoints import OutputFolder
from adamms.errors import SearchError
from adamms.progress import Progress
from adamms.responses import (
    DonorAnswers,
    LineWriter,
    donor_file,
    parent_line,
    read_donor,
    read_donor_answers,
)
from adamms.runs.collected_answers import RESPONSES, Wanted, collect, wanted_of_parent
from adamms.runs.executors import Executor
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan


def wanted_of_donors(loaded: LoadedModels, plan: SearchPlan, folder: OutputFolder) -> dict[str, list[Wanted]]:
    """What every donor is to be asked by itself, by its stage's title; answers that were given are taken.

    Raises:
        SearchError: answers that were given are not one file a donor, or do not cover the inputs.
    """
    count = len(loaded.parents.donors)
    given = plan.options.donor_answers
    if given and len(given) != count:
        raise SearchError(
            f"{len(given)} files of donors' answers for {count} donors: --donor-answers takes one file a "
            "donor, in their order."
        )
    wanted = {}
    for number in range(1, count + 1):
        file = _file(folder, number, of=count)
        if given:
            _take(file, given[number - 1], plan.ids)
        elif not plan.options.no_donor and not (file.is_file() and read_donor(file).stand_in):
            title = f"Asking the donor {number}" if number > 1 else "Asking the donor"
            wanted[title] = [wanted_of_parent(ModelName("donor", number), plan, file)]
    return wanted


def collect_donor_answers(
    executor: Executor,
    loaded: LoadedModels,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    failed: Mapping[ModelName, SearchError],
    progress: Progress,
) -> tuple[DonorAnswers, ...]:
    """Every donor's answers; stand-ins of those that cannot be asked are asked here, in the base's body.

    Args:
        executor: what the stand-ins answer in.
        loaded: the models.
        plan: the questions.
        folder: the run's.
        failed: the donors that could not be asked, and why.
        progress: told who stands in, and of every answer.

    Raises:
        SearchError: the base cannot be loaded or asked.
    """
    count = len(loaded.parents.donors)
    stand_ins = []
    for number in range(1, count + 1):
        error, file = failed.get(ModelName("donor", number)), _file(folder, number, of=count)
        why = "--no-donor" if error is None else str(error).rstrip(".")
        if error is not None:
            # Some of its answers beside some of the stand-in's would be nobody's.
            file.unlink(missing_ok=True)
        if error is not None or (plan.options.no_donor and not plan.options.donor_answers):
            progress.say(
                f"The donor {loaded.parents.donors[number - 1].checkpoint.source} does not answer by itself "
                f"({why}); alpha 1 in the base's body stands for it."
            )
        elif plan.options.donor_answers or not (file.is_file() and read_donor(file).stand_in):
            continue
        name = ModelName("stand-in", number)
        stand_ins.append(wanted_of_parent(name, plan, file, stand_in=True))
    title = "Asking alpha 1 in the donor's stead"
    collect(executor, plan, {title: stand_ins}, folder, progress=progress)
    return tuple(read_donor(_file(folder, number, of=count)) for number in range(1, count + 1))


def _file(folder: OutputFolder, number: int, *, of: int) -> Path:
    return donor_file(folder.path / RESPONSES, number, donors=of)


def _take(file: Path, source: Path, ids: Sequence[str]) -> None:
    """Put answers that were given elsewhere among the run's.

    Raises:
        SearchError: they do not cover the inputs.
    """
    answers = read_donor_answers(source)
    missing = [id_ for id_ in ids if id_ not in answers]
    if missing:
        raise SearchError(
            f"{source} answers {len(ids) - len(missing)} of {len(ids)} inputs; the first that it lacks is "
            f'"{missing[0]}".'
        )
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    with LineWriter(file) as out:
        out.lines(parent_line(answers[id_]) for id_ in ids)
