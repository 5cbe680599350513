"""The merge methods by name. Adding one is adding its file and its name to `FILES`.

Listing them imports no torch: a method's file brings it in when the method runs.
"""

import re
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

from adamms.errors import MergeError
from adamms.merging.coefficients import TensorLocation
from adamms.merging.method import MergeMethod as MergeMethod
from adamms.merging.method import Method as Method

FILES = (
    "linear",
    "task_arithmetic",
    "ties",
    "dare_linear",
    "dare_ties",
    "metagpt",
    "slerp",
    "nuslerp",
    "karcher",
    "della",
    "della_linear",
    "breadcrumbs",
    "breadcrumbs_ties",
    "sce",
    "model_stock",
    "nearswap",
    "nan",
)


@cache
def all_methods() -> tuple[MergeMethod, ...]:
    """Every merge method, in the order in which they are shown."""
    return tuple(import_module(f"{__name__}.{name}").METHOD for name in FILES)


def find_method(name: str) -> MergeMethod:
    """A merge method by name.

    Raises:
        MergeError: there is none.
    """
    if name not in FILES:
        near = get_close_matches(name, FILES, n=1)
        meant = f"did you mean {near[0]}? There are" if near else "there are"
        raise MergeError(f"There is no merge method {name!r}; {meant}: {', '.join(FILES)}.")
    found: MergeMethod = import_module(f"{__name__}.{name}").METHOD
    return found


def make_method(name: str, settings: dict[str, Any]) -> Method:
    """A method by name with its settings, defaults filled in.

    Args:
        name: the method's.
        settings: by name; what one model has of its own under `base.NAME`, `donor.NAME`, `donor2.NAME` ...

    Raises:
        MergeError: no such method, no such setting, a missing one, or one out of range.
    """
    rule = find_method(name)
    for key in settings:
        _check_key(rule, key)
    values: dict[str, Any] = {}
    for setting in rule.parameters:
        if setting.name in settings:
            values[setting.name] = setting.check(settings[setting.name], method=name)
        elif setting.required:
            raise MergeError(f"The method {name} needs {setting.name}, {setting.help}: --{setting.name} 0.3.")
        elif setting.default is not None:
            values[setting.name] = setting.default
    for key in settings:
        model, _, of = key.rpartition(".")
        own = rule.parameter(of)
        if model and own:
            # The first donor goes by both names.
            values[f"donor.{of}" if model == "donor1" else key] = own.check(settings[key], method=name)
    method = Method(rule, values)
    # Settings that are right one by one may contradict each other.
    _ = method.reductions
    if method.plain:
        numbers = [int(number) for key in values for number in re.findall(r"^donor(\d+)\.", key)]
        method.values(TensorLocation(""), donors=max(numbers, default=1))
    return method


def _check_key(rule: MergeMethod, key: str) -> None:
    """Insist that a setting exists, and may differ between models where it names one."""
    model, _, name = key.rpartition(".")
    setting = rule.parameter(name)
    names = [setting.name for setting in rule.parameters]
    if setting is None or (model and not re.fullmatch(r"base|donor([1-9]\d*)?", model)):
        near = get_close_matches(name, names, n=1)
        meant = f"; did you mean {near[0]}? It has: " if near and near[0] != key else "; it has: "
        raise MergeError(f"The method {rule.name} has no setting {key!r}{meant}{', '.join(names) or 'none'}.")
    if model and not setting.per_model:
        own = ", ".join(setting.name for setting in rule.parameters if setting.per_model)
        raise MergeError(
            f"{name} of the method {rule.name} is one for all models"
            + (f"; models may differ in {own}." if own else "; none of its settings differs between models.")
        )
