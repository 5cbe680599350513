"""The donors as witnesses: what each answers by itself, in its own architecture, before the base is loaded.

A donor that cannot be asked (a plain language model before pictures, no processor, or nobody wants it asked)
has a stand-in: its language model in the base's body, which is the merge of alpha 1.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adamms.answering.engine import DEFAULT, ask_model, asks_donors
from adamms.answering.sweep import Merge, Sweep
from adamms.checkpoints import OutputFolder
from adamms.errors import SearchError
from adamms.merging import MergeInputs, make_method
from adamms.progress import Progress
from adamms.responses import DonorAnswers, LineWriter, donor_file, read_donor, read_donor_answers
from adamms.runs.collected_answers import RESPONSES, keep_answers
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan


def ask_donors(
    loaded: LoadedModels, plan: SearchPlan, folder: OutputFolder, *, progress: Progress
) -> list[int]:
    """Ask every donor by itself, one model in memory at a time, or take the answers that were given.

    Returns:
        The numbers (from 1) of the donors that cannot be asked; their stand-ins are asked later, with the
        base.

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
    absent = []
    for number in range(1, count + 1):
        file = _file(folder, number, of=count)
        if given:
            _take(file, given[number - 1], plan.ids)
        elif file.is_file() and read_donor(file).stand_in:
            absent.append(number)
        else:
            why = "--no-donor"
            if not plan.options.no_donor:
                why = _ask(loaded, number, file, plan, folder, progress=progress)
            if why:
                model = loaded.parents.donors[number - 1].checkpoint.source
                progress.say(
                    f"The donor {model} does not answer by itself ({why.rstrip('.')}); "
                    "alpha 1 in the base's body stands for it."
                )
                absent.append(number)
    return absent


def stand_ins(loaded: LoadedModels, numbers: Collection[int]) -> dict[int, Merge]:
    """For donors that cannot be asked, by their numbers from 1, the merges that answer in their stead."""
    method = make_method("linear", {"alpha": 1.0})
    views = loaded.parents.donors
    return {
        number: Merge(MergeInputs(loaded.base, (views[number - 1],)), method, 1.0)
        for number in sorted(numbers)
    }


def collect_donor_answers(
    sweep: Sweep,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    count: int,
    merges: Mapping[int, Merge],
    progress: Progress,
) -> tuple[DonorAnswers, ...]:
    """Every donor's answers; stand-ins are asked here, in the base's live model.

    Args:
        sweep: what the stand-ins answer in.
        plan: the questions.
        folder: the run's.
        count: how many donors there are.
        merges: those that stand in, by the donor's number.
        progress: told of every answer.
    """
    for number, merge in merges.items():
        keep_answers(
            folder,
            _file(folder, number, of=count),
            plan.ids,
            lambda ids, merge=merge: sweep.ask_other(merge, ids),  # type: ignore[misc]
            title="Asking alpha 1 in the donor's stead",
            stand_in=True,
            progress=progress,
        )
    return tuple(read_donor(_file(folder, number, of=count)) for number in range(1, count + 1))


def _file(folder: OutputFolder, number: int, *, of: int) -> Path:
    return donor_file(folder.path / RESPONSES, number, donors=of)


def _ask(
    loaded: LoadedModels,
    number: int,
    file: Path,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    progress: Progress,
) -> str:
    """Ask one donor; why it could not be asked, or nothing."""
    model = loaded.parents.donors[number - 1].checkpoint
    options = replace(plan.options.engine_options, vision_tower=plan.options.donor_vision_tower)
    examples = {example.id: example for example in plan.examples}
    # Engines differ in what they answer where two tokens are nearly as probable: who can asks all alike.
    name = plan.options.engine_name if asks_donors(plan.options.engine_name) else DEFAULT
    try:
        keep_answers(
            folder,
            file,
            plan.ids,
            lambda ids: ask_model(
                model,
                [examples[id_] for id_ in ids],
                options=options,
                alpha=1.0,
                name=name,
                python=plan.options.engine_python,
            ),
            title=f"Asking the donor {number}" if number > 1 else "Asking the donor",
            progress=progress,
        )
    except SearchError as error:
        # Some of its answers beside some of the stand-in's would be nobody's.
        file.unlink(missing_ok=True)
        return str(error)
    return ""


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
        for id_ in ids:
            out.answer(answers[id_])
