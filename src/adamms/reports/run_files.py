"""What a finished run left in its directory, read for the report.

Only the run directory is needed; the inputs, for prompts and thumbnails, are read where the recipe says they
were and may be gone. Draws nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import RECIPE
from adamms.checkpoints.local_files import read_text
from adamms.checkpoints.plain_yaml import read_yaml
from adamms.errors import AdaMMSError, SearchError
from adamms.mapping import Group, ParameterMapping
from adamms.reports.signals import Repeats, Signal, read_repeats, read_signals
from adamms.responses import DonorAnswers, Example, Responses, read_donors, read_inputs, read_responses
from adamms.responses.candidates import ANSWERS
from adamms.responses.inputs import InputSource
from adamms.searching import Selection


@dataclass(frozen=True)
class RunFiles:
    """A run directory's contents."""

    recipe: Mapping[str, Any]
    recipe_text: str
    mapping: ParameterMapping
    groups: tuple[Group, ...]
    """The mapping's tensors grouped; empty where the merged model is not there any more."""
    responses: Responses
    donors: tuple[DonorAnswers, ...]
    """What the donors answered by themselves, or alpha 1 in their stead; empty where none was asked."""
    selection: Selection
    accuracy: Mapping[float, float] | None
    """Alpha -> share of right answers, where answers were known; the search did not use it."""
    examples: Mapping[str, Example] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    """The merged model's config.json."""
    signals: tuple[Signal, ...] = ()
    """What other signals say, where the search recorded it."""
    repeats: Repeats | None = None


def read_run(folder: Path) -> RunFiles:
    """Read a run directory.

    Raises:
        SearchError: it is not a finished run, or a file of it is damaged.
    """
    if not (folder / "selection.json").is_file():
        raise SearchError(
            f"{folder} is not a finished search: it has no selection.json. Name the run directory that "
            "`adamms search` wrote."
        )
    recipe_text = _text(folder / "recipe.yaml")
    try:
        recipe = read_yaml(recipe_text)
    except yaml.YAMLError as error:
        raise SearchError(f"{folder / 'recipe.yaml'} is damaged: {error}.") from None
    chosen_by = _json(folder / "selection.json")
    selection = Selection.from_json(chosen_by)
    mapping = ParameterMapping.from_json(_json(folder / "mapping.json"))
    responses = read_responses(folder)
    missing = [candidate.alpha for candidate in selection.candidates if candidate.alpha not in responses]
    # Where candidates were judged by reading, those that were not near the choice answered nothing.
    if missing and selection.reading is None:
        raise SearchError(
            f"{folder} has no answers for {selection.setting} {missing[0]:g}, though selection.json names it."
        )
    return RunFiles(
        recipe=recipe if isinstance(recipe, dict) else {},
        recipe_text=recipe_text,
        mapping=mapping,
        groups=_groups(mapping, folder / "merged"),
        responses=responses,
        donors=read_donors(folder),
        selection=selection,
        accuracy=_accuracy(folder / "accuracy.json", selection),
        examples=_labelled(_examples(recipe, folder), folder / ANSWERS),
        config=_config(folder / "merged" / "config.json"),
        signals=read_signals(chosen_by),
        repeats=read_repeats(chosen_by),
    )


def _groups(mapping: ParameterMapping, merged: Path) -> tuple[Group, ...]:
    """Grouped by way of the merged model, whose layout is the base's."""
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import grouped

    try:
        with Checkpoint.open(merged) as checkpoint:
            return grouped(mapping, checkpoint)
    except (AdaMMSError, KeyError):
        # Moved away, or another model by now: the page does with the totals.
        return ()


def _accuracy(path: Path, selection: Selection) -> dict[float, float] | None:
    if not path.is_file():
        return None
    by_name = _json(path)
    known = ((candidate.alpha, by_name.get(f"{candidate.alpha:g}")) for candidate in selection.candidates)
    return {
        alpha: float(value)
        for alpha, value in known
        if isinstance(value, int | float) and not isinstance(value, bool)
    } or None


def _examples(recipe: Any, folder: Path) -> dict[str, Example]:
    """Prompts and images; a recipe written by hand may name its inputs relative to itself."""
    try:
        asked = recipe["search"]
        # Inputs that were drawn, or were in no file of the user's own, are the run's own.
        own = folder / "inputs" / "inputs.jsonl"
        source = InputSource(own if own.is_file() else folder / asked["inputs"])
        if not own.is_file():
            columns = {role: tuple(names) for role, names in (asked.get("columns") or {}).items()}
            image_folder = asked.get("image_folder") and Path(asked["image_folder"])
            source = replace(source, prompt=asked.get("prompt"), columns=columns, image_folder=image_folder)
        return {example.id: example for example in read_inputs(source, asked=False)}
    except (KeyError, TypeError, SearchError):
        return {}


def _labelled(examples: dict[str, Example], path: Path) -> dict[str, Example]:
    """The inputs with the true answers that the run was given beside them."""
    answers = _json(path) if path.is_file() else {}
    known = {id_: text for id_, text in answers.items() if isinstance(text, str)}
    labelled = {
        id_: replace(examples.get(id_) or Example(id_, (), ""), answer=text) for id_, text in known.items()
    }
    return examples | labelled


def _config(path: Path) -> dict[str, Any]:
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        data = read_json(path)
    except OSError as error:
        raise SearchError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SearchError(f"{path} is damaged: {error}.") from None
    if not isinstance(data, dict):
        raise SearchError(f"{path} is damaged: it is not a JSON object.")
    return data


def _text(path: Path) -> str:
    try:
        return read_text(path, limit=RECIPE)
    except OSError as error:
        raise SearchError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SearchError(f"{path} is damaged: it is not text (UTF-8).") from None
