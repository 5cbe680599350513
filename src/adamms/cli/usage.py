"""What the parser refuses, in one sentence of ours: what is wrong, what was perhaps meant, where help is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adamms.errors import RecipeError, did_you_mean

CHOICE = re.compile(r"'([^']*)' is not one of ((?:'[^']*'(?:, )?)+)")


FIELD = re.compile(r"(?<![\w./])(search|merge|mapping)\.(\w+)(?:\.(\w+))?")


@contextmanager
def spelt_as_options() -> Iterator[None]:
    """What is wrong with a recipe made of options, said of the options."""
    try:
        yield
    except RecipeError as error:
        error.args = (FIELD.sub(_option, str(error)),)
        raise


def _option(field: re.Match[str]) -> str:
    part, name, entry = field.groups()
    if name == "settings":
        return f"--set {entry}" if entry else "--set"
    renamed = {("search", "dtype"): "compute_dtype", ("mapping", "file"): "mapping"}
    return f"--{renamed.get((part, name), name).replace('_', '-')}" + (f" {entry}" if entry else "")


def is_usage_error(error: BaseException) -> bool:
    """Whether the parser raised it; by its shape, because typer brings its own copy of click or not."""
    return callable(getattr(error, "format_message", None)) and isinstance(
        getattr(error, "exit_code", None), int
    )


def usage_sentence(error: Any) -> str:
    """What was wrong with a command line, and how to find out what is right."""
    context = getattr(error, "ctx", None)
    program = getattr(context, "command_path", None) or "adamms"
    if type(error).__name__ == "NoSuchOption":
        parameters = context.command.params if context is not None else []
        names = [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]
        message = f"There is no option {error.option_name}."
        message += did_you_mean(error.option_name, [name for name in names if name.startswith("--")])
    else:
        message = " ".join(error.format_message().split()).replace("Value error, ", "")
        message = message if message.endswith((".", "?")) else f"{message}."
        if match := CHOICE.search(message):
            message += did_you_mean(match[1], match[2].replace("'", "").split(", "))
    return f"{message} See {program} --help."
