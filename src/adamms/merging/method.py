"""What a merge method is: a pure function on arrays, its parameters, and what it must know beforehand.

A method's function asks for what it needs by the names of its arguments: `models` (the base first, then the
donors), and any of `pretrained`, `weights` (one a model), `draws` (random numbers, one array a model),
`width` (elements a row), its own parameters, and the statistics that its reductions give. A reduction is a
look at the data before merging whose partial results add up, so that nothing larger than a block is ever
held.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from adamms.errors import MergeError
from adamms.merging.parameters import (
    WEIGHTS,
    Coefficient,
    Parameter,
    TensorLocation,
    coefficient_at,
    numbers_in,
)

if TYPE_CHECKING:
    import numpy as np

# A torch tensor or a numpy array of float32, or of float64 for a model that is stored so.
Array = Any
Scope = Literal["tensor", "model"]

# What weights that should sum to 1 may exceed it by, because decimals are not exact.
LITTLE = 1e-9
# What a function may ask for beside parameters and statistics.
OF_BLOCKS = ("models", "pretrained", "draws", "width", "weights")


@dataclass(frozen=True)
class Reduction:
    """One look at the data before merging.

    Attributes:
        map: a block's part of the sum, a numpy array of int64 or float64; asks for what it needs as a method
            does.
        finalize: the statistics from the sum, `total`, over `count` elements; they are given by name to later
            reductions and to the method.
        scope: what is summed over: every mapped element of one base tensor, or of the whole model.
        sample: look at one in so many blocks, and of it at one in so many elements (model scope only).
        skip_if: a statistic that makes this reduction superfluous where an earlier one has given it.
        raw: where the fused kernel can count, `map` gets `raw`, the task vectors as they are stored and not
            yet computed (one `RawTaskVector` a model), in place of `models` and `pretrained`.
        accumulator: `map` asks for `accumulated`, None or the sum up to here, and returns it with its own
            share added; for results that are long and mostly zero.
    """

    map: "Callable[..., np.ndarray]"
    finalize: Callable[..., dict[str, Any]]
    scope: Scope = "tensor"
    sample: int = 1
    skip_if: str | None = None
    raw: bool = False
    accumulator: bool = False


def no_reductions(settings: Mapping[str, Any]) -> tuple[Reduction, ...]:
    """The reductions of a method that looks at single elements or rows only."""
    return ()


@dataclass(frozen=True)
class KernelParams:
    """A merge at one tensor as parameters of the fused kernel; sequences hold one a model, the base's first.

        theta_out = theta_0 + lambda * C_i(w_i * rescale_i * mask_i(tau_i)),   tau_i = theta_i - theta_0
        theta_out = sum_i w_i * rescale_i * theta_i                        where no ancestor is read

    C is a sum, divided by `divisor`, or the sign consensus of TIES. A method of this form says so by a
    function beside its pure one, which stays what the method is: `kernels.c` gives its bits, only faster.

    Attributes:
        weights: w_i.
        rescale: what a sparse task vector is multiplied by; None for 1.
        min_magnitude: task-vector entries of a smaller magnitude become 0; None trims nothing.
        max_magnitude: and so do those of this magnitude and larger; None trims nothing.
        keep_prob: the probability with which an entry stays; None drops nothing.
        sign_consensus: whether signs are elected, and what agrees is averaged by weight or added up.
        divisor: the sum is divided by it; 0 for none.
        lambda_: the merged task vector is multiplied by it.
    """

    weights: Sequence[float]
    rescale: Sequence[float] | None = None
    min_magnitude: Sequence[float] | None = None
    max_magnitude: Sequence[float] | None = None
    keep_prob: Sequence[float] | None = None
    sign_consensus: Literal["mean", "sum"] | None = None
    divisor: float = 0.0
    lambda_: float = 1.0


@dataclass(frozen=True)
class MergeMethod:
    """A merge method as its file declares it.

    Attributes:
        function: the pure function, on flat arrays of one shape, float32 (float64 for a float64 base): numpy
            arrays, and torch tensors as well where it looks at single elements only, so that it can follow a
            live model to its device. It leaves its inputs alone and does not mask a NaN away.
        summary: one line for `adamms methods`.
        source: the publication, or the implementation where there is none.
        parameters: what it takes.
        pretrained: whether it reads the common ancestor theta_0.
        donors: how many donors it takes.
        base_weight: how the base is weighted beside alpha: by what the donors leave of 1, or by a parameter.
        keeps_base: with weight 1 for the base and 0 for the donors it gives the base, but for a rounding; so
            does every method where the base takes the rest.
        reductions: what it must know beforehand, given its settings.
        check: refuses values that contradict each other at one tensor; given as the method gets them.
        by_rows: it needs whole rows of a tensor in one block.
        kernel: the parameters with which the fused kernel computes what the function does, where it has that
            form; asks for what it needs as the function does.
        name: what it is called; the function's name where it is left out.
    """

    function: Callable[..., Array]
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
    kernel: Callable[..., KernelParams] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Give it its name, and insist that its function asks for nothing that nobody has.

        Raises:
            MergeError: it does.
        """
        if not self.name:
            object.__setattr__(self, "name", self.function.__name__)
        known = (*OF_BLOCKS, *(python_name(parameter.name) for parameter in self.parameters))
        asked, _ = parameters_of(self.function)
        unknown = [name for name in asked if name not in known]
        if unknown and self.reductions is no_reductions:
            raise MergeError(
                f"The function of the merge method {self.name} asks for {unknown[0]!r}, which is none of its "
                f"parameters; there are: {', '.join(known)}."
            )

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
        apart = isinstance(alphas, tuple) and any(
            isinstance(coefficient, dict | list) for coefficient in alphas
        )
        return not varying and not apart and not self.reductions_of("tensor")

    def reductions_of(self, scope: Scope) -> tuple[Reduction, ...]:
        """Its reductions over single tensors, or over the whole model."""
        return tuple(reduction for reduction in self.reductions if reduction.scope == scope)

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
        none = alpha is not None and not any(
            number for coefficient in alphas for number in numbers_in(coefficient)
        )
        unscaled = given.get("base_weight") in (None, 1) and given.get("lambda", 1) == 1
        return (self.rule.keeps_base or self.rule.base_weight == "rest") and none and unscaled

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
        values: dict[str, Any] = {}
        for parameter in self.rule.parameters:
            if parameter.name in WEIGHTS or not (parameter.coefficient or parameter.per_model):
                continue
            shared = self.settings[parameter.name]
            own = [self.settings.get(f"{model}.{parameter.name}", shared) for model in model_names(donors)]
            given = own if parameter.per_model else [shared]
            if location is None and not all(isinstance(value, float) for value in given):
                continue
            at = tuple(coefficient_at(value, location or TensorLocation("")) for value in given)
            values[parameter.name] = at if parameter.per_model else at[0]
        if location is not None:
            self.rule.check(values)
        return as_parameters(values)

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


@dataclass(frozen=True)
class BoundMethod:
    """A method at one tensor: everything it asks for but the values of a block.

    Attributes:
        function: the method's.
        arguments: its parameters and weights there, and the statistics, by name.
        params: the fused kernel's parameters, where the method has that form.
    """

    function: Callable[..., Array]
    arguments: Mapping[str, Any]
    params: KernelParams | None

    @classmethod
    def of(cls, method: Method, arguments: Mapping[str, Any]) -> "BoundMethod":
        """Bind a method to what is known at a tensor."""
        kernel = method.rule.kernel
        return cls(method.rule.function, arguments, call(kernel, arguments) if kernel else None)

    def __call__(
        self, *, models: Sequence[Array], pretrained: Array | None, draws: Sequence[Array], width: int
    ) -> Array:
        """The merged values of a block, a flat array like each of `models`."""
        block = {"models": models, "pretrained": pretrained, "draws": draws, "width": width}
        return call(self.function, {**self.arguments, **block})


def call(function: Callable[..., Any], available: Mapping[str, Any]) -> Any:
    """Call a function with those of the available values that it names; with all, where it takes `**named`.

    One that is not there keeps its default.
    """
    names, takes_all = parameters_of(function)
    if takes_all:
        return function(**available)
    return function(**{name: available[name] for name in names if name in available})


@cache
def model_names(donors: int) -> tuple[str, ...]:
    """What the models are called in settings of their own: base, donor, donor2 ..."""
    return ("base", "donor", *(f"donor{number}" for number in range(2, donors + 1)))


def numbers_of(settings: Mapping[str, Any], name: str) -> tuple[float, ...]:
    """Every number that a setting is made of, all models and tensors together."""
    keys = [key for key in settings if key == name or key.endswith(f".{name}")]
    return tuple(number for key in keys for number in numbers_in(settings[key]))


@cache
def parameters_of(function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """The names that a function asks for, and whether it takes all others as well (`**named`)."""
    parameters = inspect.signature(function).parameters.values()
    names = tuple(
        argument.name for argument in parameters if argument.kind is not inspect.Parameter.VAR_KEYWORD
    )
    return names, len(names) < len(parameters)


def python_name(name: str) -> str:
    """A parameter's name as functions can spell it: `lambda` is a word of Python's."""
    return "lambda_" if name == "lambda" else name


def as_parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under the names that functions can spell."""
    return {python_name(name): value for name, value in settings.items()}
