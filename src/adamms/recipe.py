"""The recipe: everything one run needs, as a YAML file or from the command line's options.

Unknown keys are refused and all problems are reported at once, with their lines. A recipe is plain data: it
opens no checkpoint and touches no file but its own.

    base: Qwen/Qwen2-VL-7B-Instruct
    donor: llava-hf/llava-onevision-qwen2-7b-ov-hf
    search:
      inputs: questions.jsonl
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from adamms.checkpoints.sources import resolved
from adamms.errors import EvaluationError, MergeError, RecipeError, SearchError
from adamms.evaluation.metrics import metric_named
from adamms.mergekit_yaml import is_mergekit, recipe_parts
from adamms.merging import find_method
from adamms.merging.coefficients import check_coefficient
from adamms.searching.candidates import ALPHA
from adamms.searching.command import parse_command
from adamms.searching.judging import RULES_ALONE
from adamms.searching.signals import find_signal

Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MappingOptions(_Part):
    """How the donor's tensors are matched to the base's (step 1)."""

    duplicates: Literal["paired", "original", "matching"] = "paired"
    vocabulary: Literal["tokens", "rows", "keep"] = "tokens"
    exclude: tuple[str, ...] = ()
    """What of the base is kept: norms, biases, embeddings, lm_head, layers=0-3,30, or name patterns."""
    file: Path | None = None
    """A mapping saved by `adamms map --save` (and perhaps edited); replaces the automatic one."""


class MergeOptions(_Part):
    """How mapped tensors are combined and stored (step 2)."""

    method: str = "linear"
    alpha: Any = None
    """The donor's weight: a number, a list over depth, or a table by part; left out where a search chooses
    it, or where the method has a default or needs none."""
    settings: dict[str, Any] = Field(default_factory=dict)
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    """Of the stored floating tensors; the base's own when left out."""
    max_shard_size: Count | None = None
    """In bytes; the base's own shards when left out."""
    threads: Count | None = None

    @field_validator("alpha")
    @classmethod
    def _coefficient(cls, value: object) -> object:
        return _checked(value)

    @field_validator("method")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return find_method(value).name
        except MergeError as error:
            raise ValueError(str(error)) from None

    @field_validator("max_shard_size", mode="before")
    @classmethod
    def _bytes(cls, value: object) -> object:
        return parse_size(value) if isinstance(value, str) else value


class BenchmarkOptions(_Part):
    """A benchmark of lmms-eval from which a search draws its inputs."""

    tasks: Annotated[tuple[str, ...], Field(min_length=1)]
    harness: Literal["lmms-eval"] = "lmms-eval"
    include_path: Path | None = None
    """A folder of further tasks."""
    python: str | None = None
    """Of lmms-eval's environment, where it is not installed beside us."""


class SearchOptions(_Part):
    """What is asked of every candidate and how the answers are compared (step 3)."""

    inputs: Path | None = None
    """A file of inputs; or `benchmark`, to draw them from."""
    benchmark: BenchmarkOptions | None = None
    alphas: str = "0:0.6:0.1"
    setting: str = ALPHA
    """What is searched; other than alpha, any numeric setting of the method, over `values`."""
    values: str | None = None
    """The candidates of another setting than alpha, written as `alphas` are."""
    samples: Count = 100
    seed: int = 0
    rule: str = "sum"
    """A signal's name (`adamms.searching.signals`); `paper` is `sum`. `labels` is the supervised baseline."""
    label_metric: str = "exact"
    """How an answer is scored against the true one by the rule `labels`; see `adamms eval --metric`."""
    by: Literal["depth", "part", "donor"] | None = None
    """Walk on from the best alpha along these coordinates, a step at a time."""
    passes: Count = 12
    """Points that the walk may ask, at most."""
    gated: bool = False
    """Leave the base (alpha 0) only for a gain beyond twice its paired standard error."""
    metric: Literal["exact", "embedding"] = "exact"
    embedding_model: str | None = None
    """A sentence-transformers model by name or path; all-MiniLM-L6-v2 when left out."""
    fold_case: bool = False
    ends: Literal["interior", "all"] | None = None
    repeats: Annotated[int, Field(ge=0)] = 0
    """Choose again on this many random subsets of the inputs."""
    subset: Count | None = None
    """Inputs a subset; half of them, at most 100, when left out."""
    max_new_tokens: Count = 64
    batch_size: Count = 16
    device: str | None = None
    """A torch device; the GPU where there is one, otherwise the CPU."""
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    """Of the arithmetic while answering; float32 on a CPU, the checkpoint's own on a GPU when left out."""
    trust_remote_code: bool = False
    vision_tower: str | None = None
    """Folder or hub id of the base's vision tower, where the base's layout leaves it out (LLaVA-1.5)."""
    parents: Literal["auto", "mapped", "resident"] = "auto"
    """The parents' tensors: read from their files for every candidate, or held in memory (on a GPU's)."""
    exhaustive: bool = False
    """Ask every candidate every input; otherwise a search of more than 50 inputs ends when it is settled."""
    command: str | None = None
    """A program that answers, with {model}, {inputs}, {outputs}, {alpha}; transformers when left out."""
    keep_all: bool = False
    """Write every candidate's checkpoint, not only the chosen one's."""

    @property
    def engine(self) -> dict[str, Any]:
        """How the model that answers is loaded and asked: keyword arguments of `sweep`."""
        names = ("max_new_tokens", "batch_size", "device", "dtype", "trust_remote_code", "vision_tower")
        return {name: getattr(self, name) for name in names}

    @property
    def raced(self) -> bool:
        """Whether inputs and candidates may be dropped.

        Not where all answers are needed: repeats draw from them, and so do the pass over the plurality's, the
        scores by labels, and a walk. Nor for a command, for which every round would write every candidate
        again; nor where another setting than alpha is searched, by whose values no race was measured.
        """
        needs = find_signal(self.rule).needs
        whole = "log_probabilities" in needs or "labels" in needs or self.by is not None
        return not (self.exhaustive or self.repeats or self.command or whole or self.setting != ALPHA)

    @model_validator(mode="after")
    def _answered_by(self) -> "SearchOptions":
        if self.command is not None and "log_probabilities" in find_signal(self.rule).needs:
            raise ValueError(f"the rule {self.rule} asks the live model again, which a command does not have")
        if self.command is not None and (self.by is not None or self.setting != ALPHA):
            raise ValueError(
                "a command is asked for candidates of alpha alone: leave out the command, or by and setting"
            )
        return self

    @field_validator("command")
    @classmethod
    def _runnable(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                parse_command(value)
        except SearchError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return value

    @field_validator("rule")
    @classmethod
    def _signal(cls, value: str) -> str:
        try:
            return find_signal(value).name
        except SearchError as error:
            raise ValueError(str(error).rstrip(".")) from None

    @field_validator("label_metric")
    @classmethod
    def _metric(cls, value: str) -> str:
        try:
            metric_named(value)
        except EvaluationError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "SearchOptions":
        if (self.inputs is None) == (self.benchmark is None):
            raise ValueError("name either inputs, a file, or a benchmark to draw them from (--task)")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "SearchOptions":
        if (self.setting == ALPHA) != (self.values is None):
            raise ValueError(
                "search.values holds the candidates of another setting than alpha, and search.setting names "
                "it: give both or neither (candidates of alpha are search.alphas)"
            )
        if self.setting != ALPHA and self.by is not None:
            raise ValueError(f"search.by walks on from the best alpha, and {self.setting} is searched")
        if self.by is not None and self.rule not in RULES_ALONE:
            raise ValueError(
                f"search.by (--by) leaves the line of alphas, where the rule {self.rule} has nothing to "
                "compare with; rules that judge a candidate by itself or by votes are: "
                f"{', '.join(RULES_ALONE)}"
            )
        return self


class FurtherDonor(_Part):
    """One donor beside the first, on a mapping of its own."""

    model: str
    alpha: Any = None
    """Its weight; the first donor's when left out."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What it has of its own among the method's settings, such as a density."""

    @field_validator("alpha")
    @classmethod
    def _coefficient(cls, value: object) -> object:
        return _checked(value)


class Recipe(_Part):
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
    def _one_source_of_alpha(self) -> "Recipe":
        given = self.merge.alpha is not None or "alpha" in self.merge.settings
        searched = self.search is not None and self.search.setting == ALPHA
        alpha = find_method(self.merge.method).setting("alpha")
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

    @model_validator(mode="after")
    def _one_source_of_the_setting(self) -> "Recipe":
        if self.search is None or self.search.setting == ALPHA:
            return self
        method, name = find_method(self.merge.method), self.search.setting
        numbers = [each.name for each in method.settings if each.is_number and each.name != ALPHA]
        if name not in numbers:
            has = f"; it has: {', '.join(numbers)}" if numbers else ""
            raise ValueError(
                f"the method {method.name} has no number {name!r} that a search could choose{has}"
            )
        if name in self.merge.settings:
            raise ValueError(f"{name} is given and a search would choose it: leave one of the two out")
        if self.search.gated:
            raise ValueError(
                f"gated asks whether a candidate beats the base, and no value of {name} is the base"
            )
        return self

    @model_validator(mode="after")
    def _has_coordinates(self) -> "Recipe":
        if self.search is None or self.search.by is None:
            return self
        if self.search.by == "donor":
            if not self.donors:
                raise ValueError("search.by donor needs two donors or more (--donor MODEL)")
            if any(isinstance(each.alpha, list | dict) for each in self.donors):
                raise ValueError(
                    "search.by donor moves one number a donor; an alpha by depth or part is given"
                )
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML, every default written out, so that a run can be repeated from it."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _checked(value: object) -> object:
    try:
        return None if value is None else check_coefficient(value)
    except MergeError as error:
        raise ValueError(str(error).rstrip(".")) from None


def make_recipe(**parts: Any) -> Recipe:
    """A recipe from keyword arguments, as the command line and the Python functions build it.

    Raises:
        RecipeError: any setting is unknown or out of range; all problems are in the message.
    """
    try:
        return Recipe.model_validate(parts)
    except ValidationError as error:
        raise RecipeError("\n".join(_problems(error))) from None


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; relative paths in it are relative to its folder.

    Raises:
        RecipeError: the file is missing, is not YAML, or says what is not understood; every problem is
            named with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"The recipe {path} is not a text file (UTF-8).") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
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
    if is_mergekit(data):
        return _read_mergekit(data, path)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(_problems(error, path=path, lines=_lines(node)))) from None
    return _resolve_paths(recipe, path.parent)


def _read_mergekit(data: dict[str, Any], path: Path) -> Recipe:
    try:
        parts, notes = recipe_parts(data)
        recipe = make_recipe(**parts, notes=notes)
    except (MergeError, RecipeError) as error:
        raise RecipeError(f"{path}, mergekit's YAML: {error}") from None
    return _resolve_paths(recipe, path.parent)


def parse_size(text: str) -> int:
    """Bytes from a size such as `5GB`, `500MB` or `2GiB`.

    Raises:
        ValueError: it is not a size.
    """
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
    digits = text.strip().upper().rstrip("KMGIB ")
    unit = text.strip().upper()[len(digits) :].strip()
    try:
        return int(float(digits) * units[unit])
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a size such as 5GB, 500MB or 2GiB") from None


def _resolve_paths(recipe: Recipe, folder: Path) -> Recipe:
    def model(source: str) -> str:
        return resolved(source, folder=folder)

    changes: dict[str, Any] = {"base": model(recipe.base), "donor": model(recipe.donor)}
    changes["donors"] = tuple(each.model_copy(update={"model": model(each.model)}) for each in recipe.donors)
    if recipe.pretrained:
        changes["pretrained"] = model(recipe.pretrained)
    if recipe.search:
        tower = recipe.search.vision_tower
        updates: dict[str, Any] = {"vision_tower": model(tower) if tower else None}
        if recipe.search.inputs:
            updates["inputs"] = folder / recipe.search.inputs
        if recipe.search.benchmark and recipe.search.benchmark.include_path:
            tasks = folder / recipe.search.benchmark.include_path
            updates["benchmark"] = recipe.search.benchmark.model_copy(update={"include_path": tasks})
        changes["search"] = recipe.search.model_copy(update=updates)
    if recipe.mapping.file:
        changes["mapping"] = recipe.mapping.model_copy(update={"file": folder / recipe.mapping.file})
    return recipe.model_copy(update=changes)


def _problems(
    error: ValidationError, *, path: Path | None = None, lines: dict[tuple[str, ...], int] | None = None
) -> list[str]:
    found = []
    for problem in error.errors(include_url=False):
        keys = tuple(str(key) for key in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        name = ".".join(keys)
        line = (
            next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
            if lines
            else None
        )
        where = f"{path}, line {line}: " if path and line else f"{path}: " if path else ""
        given = (
            ""
            if not keys or problem["type"] in {"extra_forbidden", "missing"}
            else f" (given: {problem['input']!r})"
        )
        found.append(f"{where}{name}{': ' if name else ''}{message}{given}.")
    return found


def _lines(node: yaml.Node | None, keys: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line (from 1) of every key of a composed YAML document."""
    found: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*keys, str(key.value))
            found[here] = key.start_mark.line + 1
            found |= _lines(value, here)
    return found
