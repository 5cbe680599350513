"""The parts of a recipe: what each step of a run may be told, and which settings go together.

Pydantic models, unknown keys refused. Each validates itself; what concerns several at once is `recipe.py`'s.
"""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adamms.errors import EvaluationError, MergeError, SearchError
from adamms.merging import find_method
from adamms.merging.parameters import check_coefficient
from adamms.responses.candidates import ALPHA

if TYPE_CHECKING:
    from adamms.answering.engine import EngineOptions
    from adamms.responses.inputs import InputSource

WITNESSES = "witnesses"
"""The rule that believes, question by question, the parent that is surer."""

Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """Plain data that refuses unknown keys and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MappingOptions(Part):
    """How the donor's tensors are matched to the base's (step 1)."""

    duplicates: Literal["paired", "original", "matching"] = "paired"
    vocabulary: Literal["tokens", "rows", "keep"] = "tokens"
    exclude: tuple[str, ...] = ()
    """What of the base is kept: norms, biases, embeddings, lm_head, layers=0-3,30, or name patterns."""
    allow_partial: bool = False
    """Merge also where more than a hundredth of either language model has no counterpart in the other."""
    file: Path | None = None
    """A mapping saved by `adamms map --save` (and perhaps edited); replaces the automatic one."""


class MergeOptions(Part):
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
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None

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


class BenchmarkOptions(Part):
    """A benchmark of lmms-eval from which a search draws its inputs."""

    tasks: Annotated[tuple[str, ...], Field(min_length=1)]
    harness: Literal["lmms-eval"] = "lmms-eval"
    include_path: Path | None = None
    """A folder of further tasks."""
    python: str | None = None
    """Of lmms-eval's environment, where it is not installed beside us."""


class SearchOptions(Part):
    """What is asked of every candidate and how the answers are compared (step 3)."""

    inputs: str | None = None
    """A file or folder of inputs, or a data set of a hub by its name; or `benchmark`, to draw them from."""
    prompt: str | None = None
    """Asked where an input has no prompt of its own."""
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Role (prompt, image, answer ..) -> the inputs' columns that have it, where names do not tell."""
    image_folder: Path | None = None
    """Where relative paths of pictures start; at the inputs' own folder when left out."""
    split: str | None = None
    """Of inputs that are a data set."""
    benchmark: BenchmarkOptions | None = None
    alphas: str = "0:0.6:0.1"
    setting: str = ALPHA
    """What is searched; other than alpha, any numeric setting of the method, over `values`."""
    values: str | None = None
    """The candidates of another setting than alpha, written as `alphas` are."""
    samples: Count = 100
    max_bad: float = Field(default=0.05, ge=0, lt=1)
    """The share of inputs that may be left out because a model's processor refuses them."""
    seed: int = 0
    rule: str = WITNESSES
    """A signal's name (`adamms.searching.signals`); `paper` is `sum`. `labels` is the supervised baseline."""
    answers: Path | None = None
    """The true answers by input id, where they are not among the inputs; read by the rule `labels`, and shown
    beside any other choice."""
    label_metric: str = "exact"
    """How an answer is scored against the true one by the rule `labels`; see `adamms eval --metric`."""
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
    batch_size: Count | None = None
    """Inputs answered together; 16, and more where they are short, when left out."""
    device: str | None = None
    """A torch device; the GPU where there is one, otherwise the CPU."""
    gpus_per_model: Count | None = None
    """GPUs over which one model is spread, where it does not fit into one; one when left out."""
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    """Of the arithmetic while answering; float32 on a CPU, the checkpoint's own on a GPU when left out."""
    trust_remote_code: bool = False
    vision_tower: str | None = None
    """Folder or hub id of the base's vision tower, where the base's layout leaves it out (LLaVA-1.5)."""
    parents: Literal["auto", "mapped", "resident"] = "auto"
    """The parents' tensors: read from their files for every candidate, or held in memory (on a GPU's)."""
    no_donor: bool = False
    """Do not let the donor answer by itself, where the rule reads its answers; alpha 1 stands for it."""
    donor_answers: tuple[Path, ...] = ()
    """Files of the donors' own answers, one a donor, instead of asking them."""
    donor_vision_tower: str | None = None
    """As `vision_tower`, of the donor where it answers by itself."""
    exhaustive: bool = False
    """Every candidate answers every input; otherwise the rule `witnesses` lets candidates read."""
    engine: str | None = None
    """Who answers, by a name under the entry points `adamms.engines`; transformers when left out."""
    engine_python: str | None = None
    """The interpreter of the engine's own environment, as vLLM has one."""
    command: str | None = None
    """A program that answers, with {model}, {inputs}, {outputs}, {alpha}; transformers when left out."""
    command_timeout: float | None = Field(default=None, gt=0)
    """Seconds that it may go without an answer; an hour when left out."""
    workers: Count | None = None
    """Models that answer at a time, a process and a GPU each; one in this process when left out."""
    executor: Literal["local", "ray"] = "local"
    """Where workers run: processes of this machine, or actors of a Ray cluster."""
    ray_address: str | None = None
    """Of the cluster; the one that runs here, or a new one on this machine, when left out."""
    worker_timeout: Annotated[float, Field(gt=0)] = 1800.0
    """Seconds that a worker at work may be silent before it is replaced."""
    keep_all: bool = False
    """Write every candidate's checkpoint, not only the chosen one's."""

    @property
    def witnessed(self) -> bool:
        """Whether the choice reads what the donors answered by themselves."""
        return self.rule == WITNESSES or bool(self.donor_answers)

    @property
    def input_source(self) -> "InputSource":
        """The inputs and how they are to be read."""
        # Late: a recipe that only merges has none.
        from adamms.responses.inputs import InputSource

        assert self.inputs is not None
        return InputSource(
            self.inputs,
            prompt=self.prompt,
            columns=self.columns,
            image_folder=self.image_folder,
            split=self.split,
        )

    @property
    def engine_options(self) -> "EngineOptions":
        """How the model that answers is loaded and asked."""
        from adamms.answering.engine import EngineOptions

        return EngineOptions(**{field.name: getattr(self, field.name) for field in fields(EngineOptions)})

    @property
    def engine_name(self) -> str:
        """The engine that answers, by its name among those registered."""
        from adamms.answering.engine import DEFAULT

        return self.engine or (DEFAULT if self.command is None else "command")

    @property
    def shared(self) -> bool:
        """Whether workers share the work."""
        return self.executor == "ray" or (self.workers or 1) > 1

    @model_validator(mode="after")
    def _shared_by(self) -> "SearchOptions":
        if self.ray_address is not None and self.executor != "ray":
            raise ValueError("ray_address is a Ray cluster's: say executor ray as well (--executor ray)")
        if self.shared and self.device is not None and ":" in self.device:
            raise ValueError(
                f"device {self.device} is one GPU and workers take one each: say cuda, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _answered_by(self) -> "SearchOptions":
        if self.command is not None and self.setting != ALPHA:
            raise ValueError("a command is asked for candidates of alpha alone: leave one of the two out")
        return self

    # What checks a search is imported where there is one: a merge has no use for it.

    @field_validator("inputs", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @field_validator("columns")
    @classmethod
    def _roles(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if value:
            from adamms.responses.inputs import parse_columns

            try:
                parse_columns([f"{role}={name}" for role, names in value.items() for name in names])
            except SearchError as error:
                raise ValueError(str(error).rstrip(".")) from None
        return value

    @field_validator("command")
    @classmethod
    def _runnable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from adamms.answering.command_engine import parse_command

        try:
            parse_command(value)
        except SearchError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return value

    @field_validator("rule")
    @classmethod
    def _signal(cls, value: str) -> str:
        from adamms.searching.signals import find_signal

        try:
            return find_signal(value).name
        except SearchError as error:
            raise ValueError(str(error).rstrip(".")) from None

    @field_validator("label_metric")
    @classmethod
    def _metric(cls, value: str) -> str:
        if value == cls.model_fields["label_metric"].default:
            return value
        from adamms.evaluation.metrics import metric_named

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
        return self


class FurtherDonor(Part):
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


def _checked(value: object) -> object:
    try:
        return None if value is None else check_coefficient(value)
    except MergeError as error:
        raise ValueError(str(error).rstrip(".")) from None


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
