"""Answers that a run asks for beside its candidates: the base's own, and those of a walk's points.

Each lies in a file of its own that is written as the answers come, so a resumed run asks none twice. The walk
itself (`searching/walk.py`) knows neither models nor files; this is where it meets them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adamms.answering.command_engine import CommandEngine
from adamms.answering.visiting import Visitor
from adamms.merging import Method, make_method
from adamms.progress import Progress
from adamms.responses import Example, Response, Responses, read_donor_answers
from adamms.responses.reading import BASE_ANSWERS
from adamms.responses.responses import open_to_append
from adamms.runs.candidate_recipes import coordinates_of, start_of, with_point
from adamms.runs.opening import Opened, method_of
from adamms.searching import Selection
from adamms.searching.coordinates import Point, granularity
from adamms.searching.judging import Judge
from adamms.searching.walk import Scored, Walk, walk

THE_BASE = make_method("linear", {"alpha": 0.0})
POINTS = "walk"
"""The folder of a walk's answers, one file a point, in the run directory."""


def base_answers(
    opened: Opened,
    examples: Sequence[Example],
    folder: Path,
    *,
    generator: CommandEngine | None = None,
    progress: Progress,
) -> dict[str, Response]:
    """The base's own answers, for a search that has no candidate that is the base; a pass of its own.

    With a `generator` the program that answered the candidates is asked.
    """
    visitor = Visitor(opened.parents, examples, generator=generator, **engine_options(opened))
    file = folder / BASE_ANSWERS
    with progress.stage("Asking the base alone", total=len(examples), unit="answers") as advance:
        return _answers(file, visitor, THE_BASE, examples, advance=advance)


def take_walk(
    opened: Opened,
    examples: Sequence[Example],
    folder: Path,
    *,
    responses: Responses,
    selection: Selection,
    base: Mapping[str, Response] | None,
    labels: Callable[[Mapping[str, Response]], Mapping[str, float]] | None,
    progress: Progress,
) -> Walk:
    """Walk from the selected alpha along the recipe's coordinates.

    Args:
        opened: the models and the recipe, whose search says what is moved and how many passes it may cost.
        examples: the questions that the candidates answered.
        folder: the run directory.
        responses: the candidates' answers.
        selection: what they chose.
        base: the base's own answers, where no candidate is the base.
        labels: answers -> how right each is, for the rule `labels`.
        progress: told of every answer.

    Raises:
        SearchError: the base cannot be loaded or asked.
    """
    options = opened.recipe.search
    assert options is not None
    coordinates = coordinates_of(opened.recipe)
    start = start_of(opened.recipe, coordinates, selection.selected)
    judge = Judge.of(selection.rule, responses, fold_case=options.fold_case, base=base)
    visitor = Visitor(opened.parents, examples, **engine_options(opened))
    points = folder / POINTS
    points.mkdir(exist_ok=True)

    def scored(answers: Mapping[str, Response]) -> Scored:
        return judge.score(answers, labels=None if labels is None else labels(answers))

    total = options.passes * len(examples)
    with progress.stage(f"Walking by {options.by}", total=total, unit="answers") as advance:

        def ask(point: Point) -> Scored:
            method = method_of(with_point(opened.recipe, coordinates, point))
            file = points / f"{coordinates.spelled(point)}.jsonl"
            extra = {"coefficients": list(point)}
            return scored(_answers(file, visitor, method, examples, advance=advance, extra=extra))

        return walk(
            coordinates,
            start,
            step=granularity([each.alpha for each in selection.candidates]),
            budget=options.passes,
            seed=options.seed,
            home=scored(responses[selection.selected]),
            ask=ask,
        )


def engine_options(opened: Opened) -> dict[str, Any]:
    """What of the recipe's search concerns whoever answers."""
    options = opened.recipe.search
    assert options is not None
    return {**options.engine, "resident": options.parents}


def _answers(
    file: Path,
    visitor: Visitor,
    method: Method,
    examples: Sequence[Example],
    *,
    advance: Callable[[int], None],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Response]:
    """One merge's answers: those in the file, and the rest asked and added to it."""
    known = read_donor_answers(file) if file.is_file() else {}
    advance(len(known))
    wanted = [each.id for each in examples if each.id not in known]
    if not wanted:
        return known
    with open_to_append(file) as out:
        for response in visitor.answers(method, wanted):
            told = response.to_json()
            # What a point of a walk is says its coefficients; its alpha is no number.
            line = {**(told if extra is None else {**told, "alpha": None}), **(extra or {})}
            text = json.dumps(
                {key: value for key, value in line.items() if value is not None}, ensure_ascii=False
            )
            out.write(text.encode("utf-8", "backslashreplace") + b"\n")
            out.flush()
            known[response.id] = response
            advance(1)
    return read_donor_answers(file)
