"""What a merge method is: a pure function on float32 tensors, its settings, and what it must know beforehand.

A method's function asks for what it needs by the names of its parameters: `models` (the base first, then the
donors), and any of `pretrained`, `weights` (one a model), `draws` (random numbers, one tensor a model),
`width` (elements a row), its own settings, and the statistics that its reductions give. A reduction is a look
at the data before merging whose partial results add up, so that nothing larger than a block is ever held.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from adamms.errors import MergeError
from adamms.merging.coefficients import (
    Coefficient,
    TensorLocation,
    check_coefficient,
    coefficient_at,
    numbers_in,
)

if TYPE_CHECKING:
    from torch import Tensor

    from adamms.merging.kernel_params import KernelParams

Scope = Literal["tensor", "model"]

# What weights that should sum to 1 may exceed it by, because decimals are not exact.
LITTLE = 1e-9
# The settings that reach a method as `weights`, one a model.
WEIGHTS = ("alpha", "base_weight")


@dataclass(frozen=True)
class Parameter:
    """One setting: what it may be, what it is when left out, and a line of help.

    `default` None with `required` False means that the method decides; the help says how. A `coefficient` may
    also be given over depth or by part. A setting `per_model` may differ from model to model, under keys such
    as `donor2.density`, and reaches the method as one number a model.
    """

    name: str
    default: float | bool | str | None
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    integer: bool = False
    coefficient: bool = False
    per_model: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, which a search can try in a row."""
        return not self.choices and not isinstance(self.default, bool | str)

    @property
    def expected(self) -> str:
        """What values are right, for people."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if isinstance(self.default, bool):
            return "true or false"
        kind = "a whole number" if self.integer else "a coefficient" if self.coefficient else "a number"
        if self.low is None:
            return kind
        if self.high is None:
            return f"{kind} from {self.low:g}"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def check(self, value: object, *, method: str) -> Any:
        """The value in its own type.

        Raises:
            MergeError: it is not what the setting takes.
        """
        if self.coefficient and value is not None:
            of_weights = self.name in WEIGHTS or not isinstance(self.default, float)
            otherwise = None if of_weights else self.default
            return check_coefficient(value, self.name, high=self.high, otherwise=otherwise)  # type: ignore[arg-type]
        if self._fits(value):
            plain = isinstance(value, bool | str) or self.integer or value is None
            return value if plain else float(value)  # type: ignore[arg-type]
        raise MergeError(f"{self.name} of the method {method} must be {self.expected}, not {value!r}.")

    def _fits(self, value: object) -> bool:
        if value is None:
            return self.default is None and not self.required
        if self.choices or isinstance(self.default, bool):
            return value in self.choices if self.choices else isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        low = -float("inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        # NaN compares false with everything; infinity, or an integer beyond all floats, is no setting either.
        return low <= value <= high and abs(value) <= sys.float_info.max


@dataclass(frozen=True)
class Reduction:
    """One look at the data before merging.

    Attributes:
        map: a block's measure, int64 or float64, a tensor or a numpy array; asks for what it needs as a
            method does.
        finalize: the statistics from the sum, `total` (a numpy array), over `count` elements; they are given
            by name to later reductions and to the method.
        scope: what is summed over: every mapped element of one base tensor, or of the whole model.
        sample: look at one in so many blocks, and of it at one in so many elements (model scope only).
        skip_if: a statistic that makes this pass superfluous where an earlier one has found it.
        raw: `map` takes `raw` in place of the models and the ancestor where compiled code can
            count: the task vectors, not computed yet.
        accumulator: `map` asks for `accumulated`, None or the sum up to here, and returns it with its own
            share added; for results that are long and mostly zero.
    """

    map: Callable[..., Any]
    finalize: Callable[..., dict[str, Any]]
    scope: Scope = "tensor"
    sample: int = 1
    skip_if: str | None = None
    accumulator: bool = False
    raw: bool = False


def no_reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """The passes of a method that looks at single elements or rows only."""
    return ()


@dataclass(frozen=True)
class MergeMethod:
    """A merge method as its file declares it.

    Attributes:
        function: the pure function; the method is called as it is.
        summary: one line for `adamms methods`.
        source: the publication, or the implementation where there is none.
        parameters: what it takes.
        pretrained: whether it reads the common ancestor theta_0.
        donors: how many donors it takes.
        base_weight: how the base is weighted beside alpha: by what the donors leave of 1, or by a setting.
        keeps_base: with weight 1 for the base and 0 for the donors it gives the base, but for a rounding; so
            does every method where the base takes the rest.
        reductions: what it must know beforehand, given its settings.
        check: refuses values that contradict each other at one tensor; given as the method gets them.
        by_rows: it needs whole rows of a tensor in one block.
        arrays: what its functions compute with: torch tensors, or numpy arrays as well (`any`), which spares
            a merge the import of torch.
        kernel: the function's arithmetic as numbers, where it has that form, so that it can be done in
            one pass over stored values; asks for what it needs as the function does.
    """

    function: "Callable[..., Tensor]"
    summary: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    pretrained: Literal["unused", "needed", "optional"] = "unused"
    donors: Literal["one", "many"] = "many"
    base_weight: Literal["rest", "own"] = "own"
    keeps_base: bool = False
    reductions: Callable[[Mapping[str, Any]], tuple[Reduction, ...]] = no_reductions
    check: Callable[[Mapping[str, Any]], None] = field(default=lambda values: None)
    by_rows: Callable[[Mapping[str, Any]], bool] = field(default=lambda settings: False)
    arrays: Literal["torch", "any"] = "torch"
    kernel: "Callable[..., KernelParams] | None" = None

    @property
    def name(self) -> str:
        """The name it goes by: its function's."""
        return self.function.__name__

    def parameter(self, name: str) -> Parameter | None:
        """One of its parameters."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The method in plain data, as `adamms methods --json` prints it."""
        return {
            "name": self.name,
            "summary": self.summary,
            "source": self.source,
            "pretrained": self.pretrained,
            "donors": self.donors,
            "settings": [
                {
                    "name": setting.name,
                    "default": setting.default,
                    "required": setting.required,
                    "values": setting.expected,
                    "per_model": setting.per_model,
                    "help": setting.help,
                }
                for setting in self.parameters
            ],
        }


@dataclass(frozen=True)
class Method:
    """A merge method with the settings it runs with.

    `settings` holds every setting, defaults included; `alpha` is a coefficient, or a tuple of them with one a
    donor. What one model has of its own is under a key such as `base.density` or `donor2.density`.
    """

    rule: MergeMethod
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The method's name."""
        return self.rule.name

    @property
    def function(self) -> "Callable[..., Tensor]":
        """The pure tensor function."""
        return self.rule.function

    @property
    def reductions(self) -> tuple[Reduction, ...]:
        """What it must know before it merges."""
        return self.rule.reductions(self.settings)

    @property
    def by_rows(self) -> bool:
        """Whether a block must hold whole rows."""
        return self.rule.by_rows(self.settings)

    @cached_property
    def plain(self) -> bool:
        """Whether its settings, weights apart, are the same at every tensor."""
        values = (value for key, value in self.settings.items() if key not in WEIGHTS)
        return not any(isinstance(value, dict | list) for value in values)

    @cached_property
    def uniform(self) -> bool:
        """Whether it does the same at every tensor."""
        varying = any(isinstance(value, dict | list) for value in self.settings.values())
        alphas = self.settings.get("alpha")
        apart = isinstance(alphas, tuple) and any(isinstance(each, dict | list) for each in alphas)
        return not varying and not apart and not self.reductions_of("tensor")

    def reductions_of(self, scope: Scope) -> tuple[Reduction, ...]:
        """Its passes over single tensors, or over the whole model."""
        return tuple(each for each in self.reductions if each.scope == scope)

    def alphas(self, donors: int) -> tuple[Coefficient, ...]:
        """One coefficient a donor.

        Raises:
            MergeError: there are not as many as donors.
        """
        alpha = self.settings.get("alpha", 1.0)
        if not isinstance(alpha, tuple):
            return (alpha,) * donors
        if len(alpha) != donors:
            raise MergeError(f"{donors} donors need {donors} coefficients; alpha has {len(alpha)}.")
        return alpha

    @property
    def gives_base(self) -> bool:
        """Whether its settings are such that it gives the base itself, but for a rounding."""
        given = self.settings
        alphas = alpha if isinstance(alpha := given.get("alpha"), tuple) else (alpha,)
        none = alpha is not None and not any(number for each in alphas for number in numbers_in(each))
        whole = given.get("base_weight") in (None, 1) and given.get("lambda", 1) == 1
        return (self.rule.keeps_base or self.rule.base_weight == "rest") and none and whole

    def check_donors(self, donors: int) -> None:
        """Insist that the settings fit this number of donors.

        Raises:
            MergeError: a coefficient is missing, or a setting speaks of a donor that is not there.
        """
        self.alphas(donors)
        names = model_names(donors)
        for key in self.settings:
            model = key.rpartition(".")[0]
            if model and model not in names:
                raise MergeError(
                    f"{key} speaks of a donor that is not there; the models are {', '.join(names)}."
                )

    def values(self, location: TensorLocation | None, *, donors: int) -> dict[str, Any]:
        """The settings at one tensor as the method gets them; one a model where models may differ.

        Without a location (the whole model) those that depend on the tensor are left out.

        Raises:
            MergeError: they contradict each other there.
        """
        found: dict[str, Any] = {}
        for setting in self.rule.parameters:
            if setting.name in WEIGHTS or not (setting.coefficient or setting.per_model):
                continue
            shared = self.settings[setting.name]
            own = [self.settings.get(f"{model}.{setting.name}", shared) for model in model_names(donors)]
            given = own if setting.per_model else [shared]
            if location is None and not all(isinstance(each, float) for each in given):
                continue
            at = tuple(coefficient_at(each, location or TensorLocation("")) for each in given)
            found[setting.name] = at if setting.per_model else at[0]
        if location is not None:
            self.rule.check(found)
        return as_parameters(found)

    def weights(self, location: TensorLocation, *, donors: int) -> tuple[float, ...]:
        """The models' weights at one tensor, the base's first.

        Raises:
            MergeError: the donors' exceed 1 where the base has what they leave.
        """
        alphas = tuple(coefficient_at(alpha, location) for alpha in self.alphas(donors))
        own = self.settings.get("base_weight", 1.0 if self.rule.base_weight == "own" else None)
        if own is not None:
            return (coefficient_at(own, location), *alphas)
        rest = 1 - sum(alphas)
        if rest < -LITTLE:
            raise MergeError(
                f"The donors' weights sum to {sum(alphas):g} at {location.name}, which leaves the base less "
                "than nothing; lower them, or give the base a weight of its own (base_weight)."
            )
        return (max(rest, 0.0) if len(alphas) > 1 else rest, *alphas)


def call(function: Callable[..., Any], available: Mapping[str, Any]) -> Any:
    """Call a function with those of the available values that its parameters name.

    A parameter called `everything` takes them all; one that is not there keeps its default.
    """
    names = [name for name in parameters_of(function) if name in available]
    everything = {"everything": available} if "everything" in parameters_of(function) else {}
    return function(**{name: available[name] for name in names}, **everything)


@cache
def model_names(donors: int) -> tuple[str, ...]:
    """What the models are called in settings of their own: base, donor, donor2 ..."""
    return ("base", "donor", *(f"donor{number}" for number in range(2, donors + 1)))


def numbers_of(settings: Mapping[str, Any], name: str) -> tuple[float, ...]:
    """Every number that a setting is made of, all models and tensors together."""
    keys = [key for key in settings if key == name or key.endswith(f".{name}")]
    return tuple(number for key in keys for number in numbers_in(settings[key]))


@cache
def parameters_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


def as_parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under the names that functions can spell: `lambda` is a word of Python's."""
    return {"lambda_" if name == "lambda" else name: value for name, value in settings.items()}
