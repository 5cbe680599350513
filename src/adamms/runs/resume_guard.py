"""What a resumed run must find as it was: its recipe."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from adamms.checkpoints.plain_yaml import read_yaml
from adamms.errors import RecipeError
from adamms.recipes.recipe import Recipe

FREE = frozenset(
    f"search.{name}"
    for name in ("command_timeout", "max_bad", "workers", "executor", "ray_address", "worker_timeout")
)
"""The keys that a resumed run may change: limits, and who works, do not show in what comes of it."""
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
    before, now = ({key: leaf for key, leaf in leaves.items() if key not in FREE} for leaves in (before, now))
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
