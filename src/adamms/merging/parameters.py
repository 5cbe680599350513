"""A method's parameters, and coefficients by depth and by part.

    0.3                                   everywhere
    [0.0, 0.5, 0.2]                       over depth, interpolated between evenly spaced layers
    {attention: 0.4, mlp: [0.2, 0.6], "*.o_proj.weight": 0, default: 0.3}

The first entry of a table that fits a tensor counts: a part (attention, mlp, norms, embeddings), or a pattern
of its name with * and ?. What no entry fits takes `default`, which is 0 when left out. Parameters that
several methods share stand at the end, so that they read the same everywhere.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError, did_you_mean

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Coefficient = float | list[float] | dict[str, Any]
PARTS = ("attention", "mlp", "norms", "embeddings")
DEFAULT = "default"
# The parameters that reach a method as `weights`, one a model.
WEIGHTS = ("alpha", "base_weight")

ENTRIES = 1000
"""Of a setting by depth, part or name."""


@dataclass(frozen=True)
class TensorLocation:
    """Where a tensor lies: its name, how deep (0 at the first layer, 1 at the last), and of which part."""

    name: str
    depth: float = 0.0
    part: str = ""


def check_coefficient(
    value: object, name: str = "alpha", *, high: float | None = 1.0, default: float | None = None
) -> Any:
    """A coefficient, or a tuple of them with one a donor, numbers as floats.

    Args:
        value: what was given.
        name: of the setting, for the sentence.
        high: the largest number allowed; the least is 0.
        default: what a table without `default` gets as its default; None leaves 0.

    Raises:
        MergeError: it is neither a number in the range, nor a list, nor a table of such.
    """

    def number(value: object) -> float:
        top = float("inf") if high is None else high
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= top
        if not fits or value > sys.float_info.max:  # type: ignore[operator]
            bound = "0 upwards" if high is None else f"0 to {high:g}"
            raise MergeError(
                f"{name} must be a number from {bound} (or a list over depth, or a table by part), "
                f"not {value!r}."
            )
        return float(value)  # type: ignore[arg-type]

    def check(value: object) -> Any:
        if isinstance(value, Mapping | list) and not value:
            raise MergeError(f"{name} is empty; it needs at least one number.")
        if isinstance(value, Mapping | list) and len(value) > ENTRIES:
            raise MergeError(f"{name} has {len(value):,} entries, and no model needs more than {ENTRIES:,}.")
        if isinstance(value, Mapping):
            table = {_entry(str(entry), name): check(given) for entry, given in value.items()}
            return table if default is None else {DEFAULT: default, **table}
        return [number(given) for given in value] if isinstance(value, list) else number(value)

    return tuple(check(given) for given in value) if isinstance(value, tuple) else check(value)


def _entry(entry: str, name: str) -> str:
    if "=" not in entry and (entry in (*PARTS, DEFAULT) or any(mark in entry for mark in "*?.")):
        return entry
    known = (*PARTS, DEFAULT)
    raise MergeError(
        f"{name} has an entry for {entry!r}.{did_you_mean(entry, known)} Entries are {', '.join(known)}, or "
        "a tensor's name with * for any letters."
    )


def coefficient_at(coefficient: Coefficient, location: TensorLocation) -> float:
    """The coefficient's value for one tensor."""
    if isinstance(coefficient, dict):
        for name, value in coefficient.items():
            if name == location.part or (name not in PARTS and fnmatchcase(location.name, name)):
                return coefficient_at(value, location)
        return coefficient_at(coefficient.get(DEFAULT, 0.0), location)
    if isinstance(coefficient, list):
        at = location.depth * (len(coefficient) - 1)
        below = min(int(at), len(coefficient) - 2)
        if below < 0:
            return coefficient[0]
        share = at - below
        return (1 - share) * coefficient[below] + share * coefficient[below + 1]
    return coefficient


def numbers_in(coefficient: Coefficient) -> tuple[float, ...]:
    """Every number that a coefficient is made of; its values lie between the least and the largest."""
    if isinstance(coefficient, dict | list):
        parts = coefficient.values() if isinstance(coefficient, dict) else coefficient
        return tuple(number for part in parts for number in numbers_in(part))
    return (coefficient,)


def tensor_locations(base: "TensorSource") -> dict[str, TensorLocation]:
    """Where every tensor of the base's language model lies; a fused tensor goes by its first part."""
    from adamms.mapping import find_decoder
    from adamms.mapping.slots import EMBED

    decoder = find_decoder(base)
    locations: dict[str, TensorLocation] = {}
    for place in decoder.places:
        role, layer = place.slot.role, place.slot.layer
        # The embedding lies before the first layer, the final norm and the head behind the last.
        depth = (0.0 if role == EMBED else 1.0) if layer is None else layer / max(decoder.layers - 1, 1)
        locations.setdefault(place.tensor, TensorLocation(place.tensor, depth, _part(role)))
    return locations


def _part(role: str) -> str:
    kind = role.split(".")[0]
    return {"attention": "attention", "mlp": "mlp", "norm": "norms"}.get(kind, "embeddings")


@dataclass(frozen=True)
class Parameter:
    """One parameter: what it may be, what it is when left out, and a line of help.

    `default` None with `required` False means that the method decides; the help says how. A `coefficient` may
    also be given over depth or by part. One that is `per_model` may differ from model to model, under keys
    such as `donor2.density`, and reaches the method as one number a model.
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
            MergeError: it is not what the parameter takes.
        """
        if self.coefficient and value is not None:
            of_weights = self.name in WEIGHTS or not isinstance(self.default, float)
            default = None if of_weights else self.default
            return check_coefficient(value, self.name, high=self.high, default=default)  # type: ignore[arg-type]
        if self._accepts(value):
            plain = isinstance(value, bool | str) or self.integer or value is None
            return value if plain else float(value)  # type: ignore[arg-type]
        raise MergeError(f"{self.name} of the method {method} must be {self.expected}, not {value!r}.")

    def _accepts(self, value: object) -> bool:
        if value is None:
            return self.default is None and not self.required
        if self.choices or isinstance(self.default, bool):
            return value in self.choices if self.choices else isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        low = -float("inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        # NaN compares false with everything; infinity, or an integer beyond all floats, is no value either.
        return low <= value <= high and abs(value) <= sys.float_info.max


ALPHA = Parameter(
    "alpha", 1.0, "the donor's weight, beside the base's own (base_weight)", 0, 1, coefficient=True
)
BASE_WEIGHT = Parameter("base_weight", 1.0, "the base's weight", 0, coefficient=True)
LAMBDA = Parameter("lambda", 1.0, "the merged task vector is multiplied by it", 0, coefficient=True)
NORMALIZE = Parameter("normalize", False, "divide by the sum of the weights")
ALPHA_OF_REST = Parameter("alpha", None, "the donor's weight", 0, 1, required=True, coefficient=True)
BASE_WEIGHT_OF_REST = Parameter(
    "base_weight", None, "the base's weight; left out: what the donors leave of 1", 0, coefficient=True
)
ALPHA_ON_ARC = Parameter(
    "alpha", None, "how far along the arc, 0 the base, 1 the donor", 0, 1, required=True, coefficient=True
)
SEED = Parameter("seed", 0, "of the random numbers", 0, integer=True)
DROP = Parameter(
    "drop", 0.9, "p, the share of entries dropped at random", 0, 1, coefficient=True, per_model=True
)
CONSENSUS = Parameter(
    "consensus",
    "mean",
    "how entries of the elected sign are combined: mean of the agreeing (the paper's), or their sum",
    choices=("mean", "sum"),
)
