"""A coefficient by depth and by part: one number, a list over depth, or a table by part or name.

    0.3                                   everywhere
    [0.0, 0.5, 0.2]                       over depth, interpolated between evenly spaced layers
    {attention: 0.4, mlp: [0.2, 0.6], "*.o_proj.weight": 0, default: 0.3}

The first entry of a table that fits a tensor counts: a part (attention, mlp, norms, embeddings), or a pattern
of its name with * and ?. What no entry fits takes `default`, which is 0 when left out.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Coefficient = float | list[float] | dict[str, Any]
PARTS = ("attention", "mlp", "norms", "embeddings")
DEFAULT = "default"


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
        if isinstance(value, Mapping):
            table = {_entry(str(entry), name): check(each) for entry, each in value.items()}
            return table if default is None else {DEFAULT: default, **table}
        return [number(each) for each in value] if isinstance(value, list) else number(value)

    return tuple(check(each) for each in value) if isinstance(value, tuple) else check(value)


def _entry(entry: str, name: str) -> str:
    if entry in (*PARTS, DEFAULT) or any(mark in entry for mark in "*?."):
        return entry
    raise MergeError(
        f"{name} has an entry for {entry!r}; entries are {', '.join(PARTS)}, {DEFAULT}, or a tensor's name "
        "with * for any letters."
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
