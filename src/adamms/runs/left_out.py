"""Inputs that a search leaves out because one of its models cannot be asked them, and what is said of it.

Few of them are set aside with the reason, in `left-out.jsonl` beside the answers, and the search goes on
without them; many mean that something else is wrong.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from adamms.answering.engine import DEFAULT
from adamms.answering.refused_inputs import RefusedInput, refused_inputs
from adamms.errors import SearchError
from adamms.responses.responses import parse_line
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan

FILE = "left-out.jsonl"
SHOWN = 3
"""Of them named in the verdict."""


def read_left_out(folder: Path) -> list[RefusedInput]:
    """What an interrupted run had left out."""
    if not (folder / FILE).is_file():
        return []
    lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    return [RefusedInput.from_json(json.loads(line)) for line in lines]


def without(plan: SearchPlan, left_out: Sequence[RefusedInput]) -> SearchPlan:
    """The plan without inputs."""
    gone = {entry.id for entry in left_out}
    return replace(plan, examples=[example for example in plan.examples if example.id not in gone])


def to_leave_out(
    loaded: LoadedModels, plan: SearchPlan, error: SearchError, *, already: int = 0
) -> list[RefusedInput]:
    """The inputs that made a search fail, where they are few; every model that is asked by itself may refuse.

    Args:
        loaded: the models.
        plan: what was asked.
        error: why it failed.
        already: how many were left out before.

    Raises:
        SearchError: `error`, where no input or too many of them are the reason.
    """
    options = plan.options
    if options.engine_name != DEFAULT or not options.max_bad:
        raise error
    towers = [(loaded.base, options.vision_tower)]
    if options.witnessed and not options.no_donor and not options.donor_answers:
        towers += [(view.checkpoint, options.donor_vision_tower) for view in loaded.parents.donors]
    most = int(options.max_bad * (len(plan.examples) + already)) - already
    refused: dict[str, RefusedInput] = {}
    for model, tower in towers:
        try:
            entries = refused_inputs(
                model, plan.examples, trust_remote_code=options.trust_remote_code, vision_tower=tower
            )
        except SearchError:
            continue  # of a model that has no processor others speak
        if len(entries) > most and model is not loaded.base:
            continue  # it is not asked by itself, and others speak for it
        refused |= {entry.id: entry for entry in reversed(entries) if entry.id not in refused}
    if not refused:
        raise error
    if len(refused) > most:
        count, total = len(refused), len(plan.examples)
        raise SearchError(
            f"{str(error).rstrip('.')}. {count} of {total} inputs are refused so; --max-bad "
            f"{options.max_bad:g} allows {most}."
        ) from error
    return [refused[id_] for id_ in plan.ids if id_ in refused]


def may_be_left_out(loaded: LoadedModels, plan: SearchPlan, error: SearchError) -> bool:
    """Whether a donor's failure is that of a few inputs."""
    try:
        return bool(to_leave_out(loaded, plan, error))
    except SearchError:
        return False


def leave_out(folder: Path, answers: Path, left_out: Sequence[RefusedInput]) -> None:
    """Note inputs as left out, and take what was answered to them out of the run's answers.

    Args:
        folder: the run's.
        answers: its folder of answers.
        left_out: the inputs.
    """
    gone = {entry.id for entry in left_out}
    for file in sorted(answers.glob("*.jsonl")):
        lines = [line for line in file.read_bytes().split(b"\n") if line]
        kept = [line for line in lines if str((parse_line(line) or {}).get("id")) not in gone]
        if kept != lines:
            beside = file.with_suffix(".sorting")
            beside.write_bytes(b"".join(line + b"\n" for line in kept))
            beside.replace(file)
    with (folder / FILE).open("a", encoding="utf-8") as file_:
        file_.writelines(json.dumps(entry.to_json()) + "\n" for entry in left_out)


def left_out_note(left_out: Sequence[RefusedInput], *, total: int) -> str:
    """A sentence for the verdict."""
    shown = [
        f'"{entry.id}"{"".join(f" ({file.name})" for file in entry.files[:1])}: {entry.why[:200]}'
        for entry in left_out[:SHOWN]
    ]
    more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
    return f"Left out of {total} inputs: {len(left_out)}, see {FILE}. {'; '.join(shown)}{more}."
