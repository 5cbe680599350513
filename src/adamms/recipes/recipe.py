"""The recipe: everything one run needs, as a YAML file or from the command line's options.

Unknown keys are refused and all problems are reported at once, with their lines. A recipe is plain data: it
opens no checkpoint and touches no file but its own.

    base: Qwen/Qwen2-VL-7B-Instruct
    donor: llava-hf/llava-onevision-qwen2-7b-ov-hf
    search:
      inputs: questions.jsonl
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError, model_validator

from adamms.checkpoints.limits import RECIPE
from adamms.checkpoints.local_files import read_text
from adamms.checkpoints.plain_yaml import read_nodes, write_yaml
from adamms.checkpoints.sources import exists, expanded, resolved
from adamms.errors import MergeError, RecipeError, did_you_mean
from adamms.merging import find_method
from adamms.recipes.options import (
    FurtherDonor,
    MappingOptions,
    MergeOptions,
    Part,
    SearchOptions,
)
from adamms.responses.candidates import ALPHA


class Recipe(Part):
    """One run: two models or more, and what to do with them."""

    base: str
    donor: str
    donors: tuple[FurtherDonor, ...] = ()
    """Further donors, beside `donor`."""
    pretrained: str | None = None
    force: bool = False
    """Merge models whose weights speak against a common ancestor all the same."""
    mapping: MappingOptions = MappingOptions()
    merge: MergeOptions = MergeOptions()
    search: SearchOptions | None = None
    notes: tuple[str, ...] = ()
    """Said when the run begins; where a reader chose among rules."""

    @model_validator(mode="after")
    def _fits_the_method(self) -> "Recipe":
        method = find_method(self.merge.method)
        if method.pretrained == "needed" and self.pretrained is None:
            raise ValueError(
                f"the method {method.name} works on task vectors and needs their origin, the language model "
                "that base and donor were both trained from (--pretrained MODEL)"
            )
        if method.donors == "one" and self.donors:
            raise ValueError(f"the method {method.name} takes one donor, not {1 + len(self.donors)}")
        return self

    @model_validator(mode="after")
    def _one_source_of_the_setting(self) -> "Recipe":
        if self.search is None or self.search.setting == ALPHA:
            return self
        method, name = find_method(self.merge.method), self.search.setting
        if (searched := self.searched_donor) is not None:
            if method.parameter(ALPHA) is None:
                raise ValueError(f"the method {method.name} has no alpha that a search could choose")
            if self.donors[searched].alpha is not None:
                raise ValueError(
                    f"{name}'s alpha is given and a search would choose it: leave one of the two out"
                )
            return self
        numbers = [
            parameter.name
            for parameter in method.parameters
            if parameter.is_number and parameter.name != ALPHA
        ]
        if name not in numbers:
            has = f"; it has: {', '.join(numbers)}" if numbers else ""
            raise ValueError(
                f"the method {method.name} has no number {name!r} that a search could choose{has}"
                + did_you_mean(name, numbers)
            )
        if name in self.merge.settings:
            raise ValueError(f"{name} is given and a search would choose it: leave one of the two out")
        return self

    @model_validator(mode="after")
    def _has_a_base_to_beat(self) -> "Recipe":
        if self.search is not None and self.search.setting != ALPHA and self.search.gated:
            raise ValueError(
                f"gated asks whether a candidate beats the base, and no value of {self.search.setting} is "
                "the base"
            )
        return self

    @model_validator(mode="after")
    def _one_source_of_alpha(self) -> "Recipe":
        given = self.merge.alpha is not None or "alpha" in self.merge.settings
        searched = self.search is not None and self.search.setting == ALPHA
        alpha = find_method(self.merge.method).parameter("alpha")
        if self.merge.alpha is not None and "alpha" in self.merge.settings:
            raise ValueError(
                "alpha is given twice, as merge.alpha and in merge.settings: leave one of the two out"
            )
        if not searched and not given and alpha is not None and alpha.required:
            raise ValueError("say merge.alpha, the donor's weight, or add a search that chooses it")
        if searched and alpha is None:
            raise ValueError(f"the method {self.merge.method} has no alpha that a search could choose")
        if searched and given:
            raise ValueError("merge.alpha is given and a search would choose it: leave one of the two out")
        return self

    @property
    def searched_donor(self) -> int | None:
        """Which of the further donors has its weight searched, by its place among them; None where none."""
        name = "" if self.search is None else self.search.setting
        names = [f"donor{number}" for number in range(2, 2 + len(self.donors))]
        return names.index(name) if name in names else None

    def to_yaml(self) -> str:
        """The recipe as YAML, every default written out, so that a run can be repeated from it."""
        return write_yaml(self.model_dump(mode="json"))


def make_recipe(**parts: Any) -> Recipe:
    """A recipe from keyword arguments, as the command line and the Python functions build it.

    Raises:
        RecipeError: any setting is unknown or out of range; all problems are in the message.
    """
    try:
        return Recipe.model_validate(parts)
    except ValidationError as error:
        raise RecipeError("\n".join(_problems(error))) from None


def recipe_of(base: str | Path, donor: str | Path, *, search: bool = False, **options: Any) -> Recipe:
    """A recipe from flat options, as the command line and the Python functions have them.

    Args:
        base: a folder or a hub id.
        donor: the same.
        search: the recipe searches; its options are then known.
        **options: `donors`, `pretrained`, `force`, and fields of `MappingOptions`, `MergeOptions` and
            `SearchOptions` by their names; `dtype` is that of what is written, `compute_dtype` the search's.

    Raises:
        RecipeError: any setting is unknown or out of range; all problems are in the message.
    """
    left = {name: value for name, value in options.items() if value is not None or name != "pretrained"}
    asked = _taken(left, [name for name in SearchOptions.model_fields if name != "dtype"]) if search else {}
    if search and "compute_dtype" in left:
        asked["dtype"] = left.pop("compute_dtype")
    own = _taken(left, ("donors", "pretrained", "force"))
    if "pretrained" in own:
        own["pretrained"] = str(own["pretrained"])
    mapping, merge = _taken(left, MappingOptions.model_fields), _taken(left, MergeOptions.model_fields)
    # What no part has is refused, by name, by the part that the caller thinks of.
    last = {"search": asked | left} if search else {"merge": merge | left}
    return make_recipe(
        base=str(base), donor=str(donor), **own, **({"mapping": mapping, "merge": merge} | last)
    )


def _taken(options: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The options of these names, taken out of `options`."""
    return {name: options.pop(name) for name in list(options) if name in names}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; relative paths in it are relative to its folder.

    Raises:
        RecipeError: the file is missing, is not YAML, or says what is not understood; every problem is
            named with its line.
    """
    try:
        text = read_text(path, limit=RECIPE)
    except OSError as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"The recipe {path} is not a text file (UTF-8).") from None
    try:
        data, node = read_nodes(text)
    except yaml.YAMLError as error:
        if "another document" in str(error):
            raise RecipeError(
                f"{path} holds several documents; a recipe is one, so make it a file each."
            ) from None
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise RecipeError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path} is not a recipe: it needs at least the keys base and donor.")
    # Late: only files may be mergekit's.
    from adamms.recipes.mergekit import is_mergekit

    if is_mergekit(data):
        return _read_mergekit(data, path)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(_problems(error, path=path, lines=_lines(node)))) from None
    return _resolve_paths(recipe, path.parent)


def _read_mergekit(data: dict[str, Any], path: Path) -> Recipe:
    try:
        from adamms.recipes.mergekit import recipe_parts

        parts, notes = recipe_parts(data)
        recipe = make_recipe(**parts, notes=notes)
    except (MergeError, RecipeError) as error:
        raise RecipeError(f"{path}, mergekit's YAML: {error}") from None
    return _resolve_paths(recipe, path.parent)


def _resolve_paths(recipe: Recipe, folder: Path) -> Recipe:
    def model(source: str) -> str:
        return resolved(source, folder=folder)

    changes: dict[str, Any] = {"base": model(recipe.base), "donor": model(recipe.donor)}
    changes["donors"] = tuple(
        donor.model_copy(update={"model": model(donor.model)}) for donor in recipe.donors
    )
    if recipe.pretrained:
        changes["pretrained"] = model(recipe.pretrained)
    if recipe.search:
        tower = recipe.search.vision_tower
        updates: dict[str, Any] = {"vision_tower": model(tower) if tower else None}
        if recipe.search.inputs:
            updates["inputs"] = _inputs(recipe.search.inputs, folder)
        if recipe.search.image_folder:
            updates["image_folder"] = folder / expanded(recipe.search.image_folder)
        if recipe.search.answers:
            updates["answers"] = folder / recipe.search.answers
        if recipe.search.benchmark and recipe.search.benchmark.include_path:
            tasks = folder / recipe.search.benchmark.include_path
            updates["benchmark"] = recipe.search.benchmark.model_copy(update={"include_path": tasks})
        changes["search"] = recipe.search.model_copy(update=updates)
    if recipe.mapping.file:
        changes["mapping"] = recipe.mapping.model_copy(update={"file": folder / recipe.mapping.file})
    return recipe.model_copy(update=changes)


def _inputs(source: str, folder: Path) -> str:
    """A file beside the recipe, or the name of a data set."""
    # Late: a recipe that only merges has none.
    from adamms.responses.inputs import is_hub_name

    beside = folder / expanded(source)
    return source if is_hub_name(source) and not exists(beside) else str(beside)


def _problems(
    error: ValidationError, *, path: Path | None = None, lines: dict[tuple[str, ...], int] | None = None
) -> list[str]:
    problems = []
    for problem in error.errors(include_url=False):
        keys = tuple(str(key) for key in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key{_meant(keys)}"
        name = ".".join(keys)
        line = (
            next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
            if lines
            else None
        )
        where = f"{path}, line {line}: " if path and line else f"{path}: " if path else ""
        given = (
            ""
            if not keys
            or problem["type"] in {"extra_forbidden", "missing"}
            or isinstance(problem["input"], dict | Part)
            else f" (given: {problem['input']!r})"
        )
        stop = "" if message.endswith("?") else "."
        problems.append(f"{where}{name}{': ' if name else ''}{message}{given}{stop}")
    return problems


def _meant(keys: tuple[str, ...]) -> str:
    """What an unknown key of a recipe may have been meant to be: a sibling's name, or one of another part."""
    part: type[Part] = Recipe
    for key in keys[:-1]:
        field = part.model_fields.get(key)
        part = _part_in(field.annotation) or part if field is not None else part
    if near := did_you_mean(keys[-1], part.model_fields):
        return f".{near}"
    homes = {name: _part_in(field.annotation) for name, field in Recipe.model_fields.items()}
    home = next((name for name, other in homes.items() if other and keys[-1] in other.model_fields), None)
    return f"; it stands under {home}" if home is not None and home != "donors" else ""


def _part_in(annotation: Any) -> type[Part] | None:
    """The part of a recipe that a field holds, itself or among others."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((part for inner in get_args(annotation) if (part := _part_in(inner))), None)


def _lines(node: yaml.Node | None, keys: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line (from 1) of every key of a composed YAML document."""
    lines: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*keys, str(key.value))
            lines[here] = key.start_mark.line + 1
            lines |= _lines(value, here)
    return lines
