"""The merge methods by name, with their settings checked before anything is read.

A method is a pure function on float32 tensors (base, donor, **settings); adding one is adding its file and
one line to `FUNCTIONS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError
from adamms.merging.linear import linear

if TYPE_CHECKING:
    from torch import Tensor

FUNCTIONS: dict[str, Callable[..., "Tensor"]] = {"linear": linear}


@dataclass(frozen=True)
class Method:
    """A merge method and the settings it runs with."""

    name: str
    settings: dict[str, Any]

    @property
    def function(self) -> Callable[..., "Tensor"]:
        """The pure tensor function."""
        return FUNCTIONS[self.name]


def make_method(name: str, settings: dict[str, Any]) -> Method:
    """A method by name with its settings.

    Raises:
        MergeError: no such method, no such setting, a missing one, or one out of range.
    """
    if name not in FUNCTIONS:
        raise MergeError(f"There is no merge method {name!r}; there is: {', '.join(sorted(FUNCTIONS))}.")
    unknown = sorted(set(settings) - {"alpha"})
    if unknown:
        raise MergeError(f"The method {name} has no setting {unknown[0]!r}; it has: alpha.")
    if "alpha" not in settings:
        raise MergeError(f"The method {name} needs alpha, the donor's weight: --alpha 0.3.")
    alpha = settings["alpha"]
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise MergeError(f"alpha must be a number from 0 (the base) to 1 (the donor), not {alpha!r}.")
    return Method(name, {"alpha": float(alpha)})
