"""What a resumed run must find as it was: its recipe, the models' files, the questions and their pictures.

The recipe lies in the run directory; the state of the files is noted beside the answers while a run lasts. So
the answers of two merges never end in one choice.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from adamms.checkpoints import TensorSource
from adamms.checkpoints.sources import expanded
from adamms.errors import RecipeError, SearchError
from adamms.recipes.plain_yaml import read_yaml
from adamms.recipes.recipe import Recipe
from adamms.responses.inputs import Example

ASKED = "asked.json"

ABSENT = "absent"
"""What a message says of a key that only one of two recipes has."""


def check_same_recipe(path: Path, recipe: Recipe) -> None:
    """Write a run's recipe to `path`, or insist that the one there says the same, value by value.

    Raises:
        RecipeError: it says something else, or cannot be read; the keys that differ are named.
    """
    if not path.exists():
        path.write_text(recipe.to_yaml(), encoding="utf-8")
        return
    try:
        before = dict(_leaves(read_yaml(path.read_text(encoding="utf-8"))))
    except (ValueError, yaml.YAMLError):
        raise RecipeError(f"{path} is damaged; start anew with --overwrite instead of --resume.") from None
    # Through YAML as well, so that both sides hold what a reader gives.
    now = dict(_leaves(read_yaml(recipe.to_yaml())))
    changed = [
        f"{key} (was {_shown(before, key)}, now {_shown(now, key)})"
        for key in {**before, **now}
        if key not in before or key not in now or before[key] != now[key]
    ]
    if not changed:
        # Of a table by part or name the first entry that fits a tensor counts.
        moved = [key for key, kept in zip(now, before, strict=True) if key != kept]
        changed = [f"the order of {' and '.join(moved)}"] if moved else []
    if changed:
        raise RecipeError(
            f"The interrupted run was started with other settings; now different: {', '.join(changed)}. "
            "Repeat the first run's settings, or start anew with --overwrite instead of --resume."
        )


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a document under its dotted key; a list of plain values is one, as its order counts."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value, start=1):
            yield from _leaves(inner, f"{key}.{number}")
    elif value or not isinstance(value, list | Mapping):
        yield key, value


def _shown(leaves: Mapping[str, object], key: str) -> str:
    return repr(leaves[key]) if key in leaves else ABSENT


def check_unchanged(
    folder: Path,
    models: Iterable[TensorSource],
    examples: Sequence[Example],
    *,
    vision_tower: str | None = None,
    mapping: Path | None = None,
) -> None:
    """Insist that everything is what it was when the first answers came; note it if these are the first.

    A file is the same while its size and the time of its last change are, a model of the hub while its
    revision is, a question while its words are.

    Args:
        folder: the run's, where the note is or will be.
        models: all that are read; their weights and whatever travels with them.
        examples: the questions.
        vision_tower: a folder that is read as well.
        mapping: a file that says what is merged.

    Raises:
        SearchError: something was changed.
    """
    path = folder / ASKED
    now: dict[str, object] = {} if mapping is None else dict([_file(mapping)])
    now |= dict(_state(models, examples, vision_tower))
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        before = now  # the first answers are to come, even where a run was killed while it wrote this
    if not isinstance(before, dict):
        raise SearchError(f"{path} is damaged; start anew with --overwrite instead of --resume.")
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        more = f" (and {len(changed) - 1} more)" if changed[1:] else ""
        raise SearchError(
            f"Since the interrupted run began, {changed[0]}{more} has changed, so its answers no longer go "
            "with new ones: put back what was there, or start anew with --overwrite instead of --resume."
        )
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _state(
    models: Iterable[TensorSource], examples: Sequence[Example], vision_tower: str | None
) -> Iterator[tuple[str, object]]:
    for model in models:
        yield from model.versions().items()
    if vision_tower and (tower := expanded(vision_tower)).is_dir():
        yield from (_file(path) for path in sorted(tower.iterdir()) if path.is_file())
    for example in examples:
        images = [str(image.resolve()) for image in example.images]
        yield f"the input {example.id!r}", [example.prompt, *images]
    for image in {image for example in examples for image in example.images}:
        yield _file(image)


def _file(path: Path) -> tuple[str, list[int]]:
    about = path.stat()
    return str(path.resolve()), [about.st_size, about.st_mtime_ns]
