"""The merge methods by name: what packages register in the group `adamms.methods`, ours included.

A method is one file with a `MergeMethod` and one line in a pyproject.toml: docs/how-to/add-a-merge-method.md.
Its file is imported when it is asked for by name, and none of another package before.
"""

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from adamms.errors import MergeError, did_you_mean, no_such
from adamms.merging.method import MergeMethod as MergeMethod
from adamms.merging.method import Method as Method
from adamms.merging.parameters import TensorLocation

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "adamms.methods"
# As pyproject.toml registers them, in the order in which they are shown: what names one of ours need not read
# what is installed, and a source tree runs without being installed.
OURS = {
    "linear": "linear:LINEAR",
    "task_arithmetic": "task_arithmetic:TASK_ARITHMETIC",
    "ties": "ties:TIES",
    "dare_linear": "dare:DARE_LINEAR",
    "dare_ties": "dare:DARE_TIES",
    "metagpt": "metagpt:METAGPT",
    "slerp": "slerp:SLERP",
    "nuslerp": "nuslerp:NUSLERP",
    "karcher": "karcher:KARCHER",
    "della": "della:DELLA",
    "della_linear": "della:DELLA_LINEAR",
    "breadcrumbs": "breadcrumbs:BREADCRUMBS",
    "breadcrumbs_ties": "breadcrumbs:BREADCRUMBS_TIES",
    "sce": "sce:SCE",
    "model_stock": "model_stock:MODEL_STOCK",
    "nearswap": "nearswap:NEARSWAP",
    "nan": "nan:NAN",
}


@cache
def all_methods() -> tuple[MergeMethod, ...]:
    """Every merge method: ours, then those of other packages by name.

    Raises:
        MergeError: one of another package cannot be loaded.
    """
    return (*map(_ours, OURS), *map(_loaded, _others().values()))


def find_method(name: str) -> MergeMethod:
    """A merge method by name.

    Raises:
        MergeError: there is none, or it cannot be loaded.
    """
    if name in OURS:
        return _ours(name)
    others = _others()
    if name not in others:
        raise MergeError(no_such("merge method", name, (*OURS, *others)))
    return _loaded(others[name])


def _ours(name: str) -> MergeMethod:
    module, _, attribute = OURS[name].partition(":")
    method: MergeMethod = getattr(import_module(f"{__name__}.{module}"), attribute)
    return method


@cache
def _others() -> "dict[str, EntryPoint]":
    """The entry points of other packages, by name; a name of ours stays ours."""
    # Late: it takes as long to import as half of merging does.
    from importlib.metadata import entry_points

    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return {entry.name: entry for entry in entries if entry.name not in OURS}


@cache
def _loaded(entry: "EntryPoint") -> MergeMethod:
    """The method behind an entry point.

    Raises:
        MergeError: it cannot be imported, or is no merge method of that name.
    """
    where = f"The merge method {entry.name!r} ({entry.value})"
    try:
        method = entry.load()
    except (ImportError, AttributeError, TypeError) as error:
        raise MergeError(
            f"{where} cannot be loaded: {error}; correct or uninstall the package that brings it."
        ) from error
    if not isinstance(method, MergeMethod):
        raise MergeError(f"{where} is a {type(method).__name__}, not an adamms.merging.MergeMethod.")
    if method.name != entry.name:
        raise MergeError(f"{where} calls itself {method.name!r}; register it under that name.")
    return method


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
    for parameter in rule.parameters:
        if parameter.name in settings:
            values[parameter.name] = parameter.check(settings[parameter.name], method=name)
        elif parameter.required:
            raise MergeError(
                f"The method {name} needs {parameter.name}, {parameter.help}: --{parameter.name} 0.3."
            )
        elif parameter.default is not None:
            values[parameter.name] = parameter.default
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
    parameter = rule.parameter(name)
    names = [parameter.name for parameter in rule.parameters]
    if parameter is None or (model and not re.fullmatch(r"base|donor([1-9]\d*)?", model)):
        near = "" if name in names else did_you_mean(name, names)
        meant = f"; d{near[2:]} It has" if near else "; it has"
        raise MergeError(
            f"The method {rule.name} has no setting {key!r}{meant}: {', '.join(names) or 'none'}."
        )
    if model and not parameter.per_model:
        own = ", ".join(parameter.name for parameter in rule.parameters if parameter.per_model)
        raise MergeError(
            f"{name} of the method {rule.name} is one for all models"
            + (f"; models may differ in {own}." if own else "; none of its settings differs between models.")
        )
