"""The merge methods by name. Adding one is adding its file and its name to `FILES`.

Listing them imports no torch: a method's file brings it in when the method runs.
"""

from functools import cache
from importlib import import_module
from typing import Any

from adamms.errors import MergeError
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
        raise MergeError(f"There is no merge method {name!r}; there are: {', '.join(FILES)}.")
    found: MergeMethod = import_module(f"{__name__}.{name}").METHOD
    return found


def make_method(name: str, settings: dict[str, Any]) -> Method:
    """A method by name with its settings, defaults filled in.

    Raises:
        MergeError: no such method, no such setting, a missing one, or one out of range.
    """
    rule = find_method(name)
    for key in settings:
        if rule.setting(key) is None:
            has = ", ".join(setting.name for setting in rule.settings)
            raise MergeError(f"The method {name} has no setting {key!r}; it has: {has}.")
    values: dict[str, Any] = {}
    for setting in rule.settings:
        if setting.name in settings:
            values[setting.name] = setting.check(settings[setting.name], method=name)
        elif setting.required:
            raise MergeError(f"The method {name} needs {setting.name}, {setting.help}: --{setting.name} 0.3.")
        elif setting.default is not None:
            values[setting.name] = setting.default
    method = Method(rule, values)
    # Settings that are right one by one may contradict each other.
    _ = method.passes
    return method
