"""mergekit's parameters as coefficients of ours: numbers, gradients over depth, and lists of filters.

A model's own counts before the document's; where none of its filters fits a tensor, the document's
does, and then the default. mergekit evaluates gradients at the first layer for the embeddings, the final norm
and the head; the tables made here do the same.
"""

from collections.abc import Callable, Mapping
from glob import escape
from typing import Any

from adamms.errors import RecipeError
from adamms.merging.parameters import DEFAULT, Coefficient, numbers_in

# The parameters of the methods in common; a method that has no such one passes over it, as in mergekit.
PARAMETERS = (
    "weight",
    "density",
    "gamma",
    "epsilon",
    "lambda",
    "normalize",
    "rescale",
    "t",
    "select_topk",
    "filter_wise",
    "nuslerp_flatten",
    "nuslerp_row_wise",
    "max_iter",
    "tol",
)
# What a filter holds that fits tensors of layers alone.
OF_LAYERS = ("attn", "mlp", "proj", "layernorm", "layers")


class Parameters:
    """The parameters of a document and of its models; remembers what was asked for."""

    def __init__(
        self,
        shared: Mapping[str, Any],
        own: list[Mapping[str, Any]],
        *,
        names: list[str],
        harmless: tuple[str, ...],
    ) -> None:
        """Take the document's parameters, every model's own, and the models' names for sentences."""
        self._shared = shared
        self._own = own
        self._names = names
        self._asked = list(harmless)

    def flag(self, name: str, default: bool) -> bool:
        """A switch of the document's."""
        value = self._one(name, default)
        if not isinstance(value, bool):
            raise RecipeError(f"{name} must be true or false, not {value!r}.")
        return value

    def shared(self, name: str, default: float | None) -> Coefficient:
        """A coefficient that is one for all models.

        Raises:
            RecipeError: models differ in it, or it is required (no default) and missing.
        """
        return self._coefficient(name, [self._one(name, None)], default, "the document")

    def plain(self, name: str, default: float) -> float:
        """A number that is one for all models and tensors."""
        return _number(self._one(name, default), name)

    def per_model(self, name: str, default: float | None) -> list[Coefficient]:
        """Every model's coefficient.

        Raises:
            RecipeError: it is required (no default) and missing somewhere.
        """
        self._asked.append(name)
        return [
            self._coefficient(name, [own.get(name), self._shared.get(name)], default, model)
            for own, model in zip(self._own, self._names, strict=True)
        ]

    @property
    def models(self) -> int:
        """How many models are merged."""
        return len(self._own)

    def rest(self, method: str) -> list[str]:
        """A note for every parameter that mergekit's method does not read either.

        Raises:
            RecipeError: a parameter is of no method of mergekit's that we know.
        """
        names = dict.fromkeys(name for parameters in (self._shared, *self._own) for name in parameters)
        left = [name for name in names if name not in self._asked]
        for name in left:
            if name not in PARAMETERS:
                raise RecipeError(f"The parameter {name} of mergekit's {method} has no counterpart here.")
        return [f"{name} is no parameter of mergekit's {method} and changes nothing." for name in left]

    def _one(self, name: str, default: Any) -> Any:
        self._asked.append(name)
        values = [own.get(name, self._shared.get(name, default)) for own in self._own]
        if any(value != values[0] for value in values):
            raise RecipeError(f"{name} differs from model to model ({values}); here it is one for all.")
        return values[0]

    @staticmethod
    def _coefficient(name: str, scopes: list[Any], default: float | None, whose: str) -> Coefficient:
        """The first scope's value; where its filters end, the next one's, and the default at last."""
        table: dict[str, Any] = {}
        for given in scopes:
            if given is None:
                continue
            found = _translated(given, name)
            if not isinstance(found, dict):
                found = {DEFAULT: found}
            for key, value in found.items():
                table.setdefault(key, value)
            if DEFAULT in found:
                break
        if DEFAULT not in table:
            if default is None:
                raise RecipeError(
                    f"{name} of {whose} is missing"
                    + (" where none of its filters fits; end them with one without filter." if table else ".")
                )
            table[DEFAULT] = default
        only: Coefficient = table[DEFAULT] if len(table) == 1 else table
        return only


def _translated(given: Any, name: str) -> Any:
    """One scope's value: a number, or a table whose `default` is missing where filters leave tensors out."""
    if isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, list):
        return _number(given, name)
    if not given:
        raise RecipeError(f"{name} is an empty list.")
    if not any(isinstance(entry, Mapping) for entry in given):
        return _gradient([_number(entry, name) for entry in given])
    table: dict[str, Any] = {}
    for entry in given:
        if not isinstance(entry, Mapping) or "value" not in entry:
            raise RecipeError(f"{name} has an entry without a value: {entry!r}.")
        wanted = entry.get("filter")
        if not isinstance(wanted, str | None):
            raise RecipeError(f"A filter of {name} must be a part of tensors' names, not {wanted!r}.")
        value = _translated(entry["value"], name)
        if wanted in (None, "*"):
            for key, part in (value if isinstance(value, dict) else {DEFAULT: value}).items():
                table.setdefault(key, part)
            break
        if isinstance(value, dict) and any(part in wanted for part in OF_LAYERS):
            value = value[DEFAULT]
        # mergekit's filters are found anywhere in a tensor's name.
        table.setdefault(f"*{escape(wanted)}*", value)
    return table


def _gradient(numbers: list[float]) -> Any:
    if all(number == numbers[0] for number in numbers):
        return numbers[0]
    return {"*.norm.weight": numbers[0], "embeddings": numbers[0], DEFAULT: numbers}


def _number(given: Any, name: str) -> float:
    try:
        if isinstance(given, bool):
            raise ValueError
        return float(given)
    except (TypeError, ValueError):
        raise RecipeError(
            f"{name} must be a number, a list of numbers or a list of filters, not {given!r}."
        ) from None


def changed(coefficient: Coefficient, change: Callable[[float], float]) -> Coefficient:
    """A coefficient with every number of it changed by a function that keeps lines straight."""
    if isinstance(coefficient, dict):
        return {key: changed(value, change) for key, value in coefficient.items()}
    if isinstance(coefficient, list):
        return [change(number) for number in coefficient]
    return change(coefficient)


def largest(coefficients: list[Coefficient]) -> float:
    """The largest number in several coefficients."""
    return max(number for coefficient in coefficients for number in numbers_in(coefficient))


def least(coefficients: list[Coefficient]) -> float:
    """The least number in several coefficients."""
    return min(number for coefficient in coefficients for number in numbers_in(coefficient))
