"""Groups of options that several verbs share: a dataclass a group, laid out flat for the parser.

A verb names a group as one parameter; `grouped` shows the parser its options one by one and hands the verb
the group again. `flat` gives its values under the names that `recipes.recipe.recipe_of` takes.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from adamms.cli.option_values import parse_columns, parse_donors, parse_settings
from adamms.cli.options import (
    Answers,
    ColumnOption,
    ComputeDtype,
    Device,
    Duplicates,
    EmbeddingModel,
    Ends,
    Exclude,
    FoldCase,
    Force,
    FurtherDonors,
    Gated,
    GpusPerModel,
    ImageFolder,
    InputsOption,
    LabelMetric,
    Labels,
    MappingFile,
    MaxNewTokens,
    MaxShardSize,
    MethodName,
    Metric,
    Pretrained,
    PromptOption,
    Repeats,
    Rule,
    Settings,
    Split,
    Subset,
    Threads,
    TrustRemoteCode,
    VisionTower,
    Vocabulary,
)
from adamms.errors import RecipeError

if TYPE_CHECKING:
    from adamms.responses.inputs import InputSource


@dataclass(frozen=True)
class ReadingGroup:
    """How inputs are read."""

    prompt: PromptOption = None
    column: ColumnOption = None
    image_folder: ImageFolder = None
    split: Split = None

    def flat(self) -> dict[str, Any]:
        """By the names of `SearchOptions`, which are those of `InputSource` too."""
        values = _values(self)
        values["columns"] = parse_columns(values.pop("column"))
        return values


@dataclass(frozen=True)
class InputsGroup(ReadingGroup):
    """Where inputs are and how they are read."""

    inputs: InputsOption = None

    @property
    def source(self) -> "InputSource | None":
        """The inputs; None where none are named."""
        from adamms.responses.inputs import InputSource

        values = self.flat()
        named = values.pop("inputs")
        return None if named is None else InputSource(named, **values)


@dataclass(frozen=True)
class MappingGroup:
    """How the donor's tensors are matched to the base's."""

    duplicates: Duplicates = "paired"
    vocabulary: Vocabulary = "tokens"
    exclude: Exclude = None

    def flat(self) -> dict[str, Any]:
        """By the names of `MappingOptions`, which are those of `map_parameters` too."""
        return {**_values(self), "exclude": tuple(self.exclude or ())}


@dataclass(frozen=True)
class MergingGroup:
    """What is merged, how, and how it is written."""

    donors: FurtherDonors = None
    method: MethodName = "linear"
    settings: Settings = None
    pretrained: Pretrained = None
    mapping: MappingFile = None
    force: Force = False
    max_shard_size: MaxShardSize = None
    threads: Threads = None

    def flat(self) -> dict[str, Any]:
        """By the names of a recipe's own fields, of `MergeOptions`, and of `MappingOptions` (`file`)."""
        values = _values(self)
        values["donors"] = parse_donors(self.donors)
        values["settings"] = parse_settings(self.settings)
        values["file"] = values.pop("mapping")
        return values


@dataclass(frozen=True)
class ChoosingGroup:
    """How the choice is made from answers."""

    rule: Rule = None
    labels: Labels = False
    answers: Answers = None
    label_metric: LabelMetric = "exact"
    gated: Gated = False
    metric: Metric = "exact"
    embedding_model: EmbeddingModel = None
    ends: Ends = None
    fold_case: FoldCase = False
    repeats: Repeats = 0
    subset: Subset = None

    def flat(self) -> dict[str, Any]:
        """By the names of `SearchOptions`.

        Raises:
            RecipeError: another rule is asked for beside the labels.
        """
        values = {**_values(self), "rule": supervised(self.rule) if self.labels else self.rule}
        del values["labels"]
        # A rule that is not named is whichever the verb takes.
        return {name: value for name, value in values.items() if name != "rule" or value is not None}


@dataclass(frozen=True)
class AnsweringGroup:
    """How a model is loaded and asked."""

    max_new_tokens: MaxNewTokens = 64
    device: Device = None
    gpus_per_model: GpusPerModel = None
    compute_dtype: ComputeDtype = None
    trust_remote_code: TrustRemoteCode = False
    vision_tower: VisionTower = None

    def flat(self) -> dict[str, Any]:
        """By the names of `EngineOptions`, which `SearchOptions` has too."""
        values = _values(self)
        return {"dtype": values.pop("compute_dtype"), **values}


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the options of its groups among its own parameters, in their places."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in inspect.signature(verb).parameters.values():
        kind = parameter.annotation
        if is_dataclass(kind):
            groups[parameter.name] = kind
            parameters += [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=field.type,
                )
                for field in fields(kind)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(verb)
    def flat(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        verb(**values)

    # What the parser reads: the signature for names and defaults, the annotations for types and help.
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def supervised(rule: str | None) -> str:
    """The rule of a choice by labels, which is a rule of its own beside which no other is asked for."""
    from adamms.errors import RecipeError

    if rule not in (None, "labels"):
        raise RecipeError(
            f"--labels chooses by the true answers, so --rule {rule} has nothing to choose: leave one of the "
            "two out; every signal's own choice is in the table."
        )
    return "labels"


def _values(group: Any) -> dict[str, Any]:
    return {field.name: getattr(group, field.name) for field in fields(group)}


FIELD = re.compile(r"(?<![\w./])(search|merge|mapping)\.(\w+)(?:\.(\w+))?")


@contextmanager
def spelt_as_options() -> Iterator[None]:
    """What is wrong with a recipe made of options, said of the options."""
    try:
        yield
    except RecipeError as error:
        error.args = (FIELD.sub(_option, str(error)),)
        raise


def _option(field: re.Match[str]) -> str:
    part, name, entry = field.groups()
    if name == "settings":
        return f"--set {entry}" if entry else "--set"
    renamed = {("search", "dtype"): "compute_dtype", ("mapping", "file"): "mapping"}
    return f"--{renamed.get((part, name), name).replace('_', '-')}" + (f" {entry}" if entry else "")
