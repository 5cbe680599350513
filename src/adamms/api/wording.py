"""Messages written for the command line, said in Python's words: parameters instead of options.

A message is written once, where something is wrong; whoever called decides how what it names is spelt.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from adamms.errors import AdaMMSError

P = ParamSpec("P")
R = TypeVar("R")

RENAMED = {"set": "settings", "task": "tasks", "donor": "donors", "alphas": "alphas", "out": "out"}
"""Options whose parameter has another name, beside those that differ in - and _ alone."""
SWITCHES = (
    *("allow_partial", "exhaustive", "fold_case", "force", "gated", "keep_all", "labels", "no_donor"),
    *("overwrite", "private", "resume", "trust_remote_code"),
)
FUNCTIONS = {"eval": "evaluate", "map": "map_parameters"}
CALLS = "compare|eval|inspect|map|merge|push|search|select|verify"
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")
TAKEN = re.compile(rf"{OPTION.pattern}(?: (?:FILE|MODEL|NAME|PATH|DIR)(?![\w.]))?")
FIELD = re.compile(r"(?<![\w./])(search|merge|mapping)\.(\w+)")
COMMAND = re.compile(rf"`?adamms ({CALLS})((?: --[a-z-]+(?: [A-Z]+)?)*)`?")
# A command that is to be typed with its models, and whatever else is quoted as code, stays as it is.
VERBATIM = re.compile(rf"adamms (?:{CALLS}) [^-`\n][^`\n]*|`(?!adamms )[^`\n]*`")
# "(force: true)", what a recipe says, stands behind what the command line says.
RECIPES = re.compile(r" \(\w+: \w+\)")


def speaks_python(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its errors' messages naming parameters."""

    @wraps(function)
    def spoken(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except AdaMMSError as error:
            error.args = (in_python(str(error)),)
            raise

    return spoken


def in_python(message: str) -> str:
    """A message with every option of the command line as the parameter that it is."""
    parts, at = [], 0
    for shown in VERBATIM.finditer(message):
        parts += [_spelt(message[at : shown.start()]), shown[0]]
        at = shown.end()
    return "".join([*parts, _spelt(message[at:])])


def _spelt(text: str) -> str:
    text = COMMAND.sub(_call, text)
    text = FIELD.sub(lambda match: _field(*match.groups()), text)
    if OPTION.search(text):
        text = RECIPES.sub("", text)
    return TAKEN.sub(lambda match: _parameter(match[1]), text)


def _call(match: re.Match[str]) -> str:
    name = FUNCTIONS.get(match[1], match[1])
    named = [_parameter(option) for option in OPTION.findall(match[2]) if option not in ("json", "save")]
    return f"`adamms.{name}({', '.join(['...', *named]) if named else '...'})`"


def _field(part: str, name: str) -> str:
    """A recipe's field by its parameter."""
    return {("search", "dtype"): "compute_dtype", ("mapping", "file"): "mapping"}.get((part, name), name)


def _parameter(option: str) -> str:
    name = RENAMED.get(option, option.replace("-", "_"))
    return f"{name}=True" if name in SWITCHES else name
