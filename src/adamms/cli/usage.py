"""What the parser refuses, in one sentence of ours: what is wrong, what was perhaps meant, where help is."""

import re
from typing import Any

from adamms.errors import did_you_mean

CHOICE = re.compile(r"'([^']*)' is not one of ((?:'[^']*'(?:, )?)+)")


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
