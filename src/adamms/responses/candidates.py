"""How a candidate of a search is named: what it is a value of, in JSON and in file names.

Values are kept as numbers rounded to ten decimals, so that the 0.30000000000000004 of a running sum and the
0.3 of a file name are one candidate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALPHA = "alpha"
"""What is searched unless another setting is: the donor's weight."""

RECIPE = "recipe.yaml"
"""In a run directory, and beside a merged model: what makes it again."""

ANSWERS = "answers.json"
"""In a run directory: the true answers by input id, where they were known from elsewhere than the inputs."""

ALPHA_IN_NAME = re.compile(r"alpha[=_-]?(\d+(?:\.\d+)?)", re.IGNORECASE)
"""In names that others gave: files, folders, models."""

DECIMALS = 10


@dataclass(frozen=True)
class SearchAxis:
    """What the candidates of a search differ in, and whether the base may be one of them."""

    setting: str = ALPHA
    base_apart: bool = False
    """Whether the base answers by itself, because no candidate is it."""

    @property
    def has_base(self) -> bool:
        """Whether a candidate of value 0 is the base."""
        return self.setting == ALPHA and not self.base_apart

    def key(self, value: float) -> dict[str, Any]:
        """A candidate in JSON: `{"alpha": 0.1}`, or `{"setting": "density", "value": 0.2}`."""
        return {ALPHA: value} if self.setting == ALPHA else {"setting": self.setting, "value": value}


BY_ALPHA = SearchAxis()
"""The usual axis: the donor's weight, 0 the base."""


def value_in(record: Mapping[str, Any]) -> Any:
    """The candidate's value in a JSON object that `SearchAxis.key` is part of; None where there is none."""
    return record.get(ALPHA, record.get("value"))


def round_alpha(alpha: float) -> float:
    """The alpha as candidates are compared: to ten decimals, and never -0.0."""
    return round(alpha, DECIMALS) + 0.0


def format_alpha(alpha: float) -> str:
    """Two decimals, more only where they are needed: `0.10`, `0.025`; no two candidates share a spelling."""
    short = f"{alpha:.2f}"
    if float(short) == round_alpha(alpha):
        return short
    return f"{alpha:.{DECIMALS}f}".rstrip("0")
