"""The base's own answers, for a search that has no candidate that is the base; a pass of its own.

They lie in a file of their own that is written as the answers come, so a resumed run asks none twice.
"""

from collections.abc import Sequence
from pathlib import Path

from adamms.answering.sweep import EngineOpener, Sweep
from adamms.merging import make_method
from adamms.progress import Progress
from adamms.responses import Example, LineWriter, Response, read_donor_answers
from adamms.responses.reading import BASE_ANSWERS
from adamms.runs.loading import LoadedModels

THE_BASE = make_method("linear", {"alpha": 0.0})


def base_answers(
    loaded: LoadedModels,
    examples: Sequence[Example],
    folder: Path,
    *,
    engine: EngineOpener,
    progress: Progress,
) -> dict[str, Response]:
    """The base's answers to all inputs; those in the file are not asked again.

    Args:
        loaded: the models and the recipe.
        examples: the inputs.
        folder: of the responses, in the run directory.
        engine: opens what answers, for candidates that are all the base.
        progress: told of every answer.

    Raises:
        SearchError: the base cannot be loaded or asked.
    """
    options = loaded.recipe.search
    assert options is not None
    file = folder / BASE_ANSWERS
    known = read_donor_answers(file) if file.is_file() else {}
    sweep = Sweep(
        loaded.parents,
        examples,
        method=lambda _: THE_BASE,
        engine=engine,
        resident=options.parents,
    )
    with (
        progress.stage("Asking the base alone", total=len(examples), unit="answers") as advance,
        LineWriter(file) as out,
    ):
        advance(len(known))
        for response in sweep.ask({0.0: [example.id for example in examples if example.id not in known]}):
            out.answer(response)
            known[response.id] = response
            advance(1)
    return known
