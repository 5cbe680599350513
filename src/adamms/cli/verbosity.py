"""`-q` and `-v`, which every verb takes: how much is said beside the result."""

import inspect
import logging
import os
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from adamms.cli.console import VERBOSITY
from adamms.cli.options import OUTPUT

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.", rich_help_panel=OUTPUT)
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Say more: what libraries log, and the traceback behind an unexpected error.",
        rich_help_panel=OUTPUT,
    ),
]


def speaking(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with `-q` and `-v` among its options."""
    signature = inspect.signature(verb)
    switches = {"quiet": Quiet, "verbose": Verbose}

    @wraps(verb)
    def spoken(*, quiet: bool = False, verbose: bool = False, **values: Any) -> Any:
        speak(quiet=quiet, verbose=verbose)
        return verb(**values)

    own = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in switches.items()
    ]
    spoken.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    spoken.__annotations__ = {**verb.__annotations__, **switches}
    return spoken


def speak(*, quiet: bool, verbose: bool) -> None:
    """Set how much is said from now on; what was set before stays where neither is asked for."""
    if verbose:
        VERBOSITY.set(1)
        os.environ["ADAMMS_TRACEBACK"] = "1"
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    elif quiet:
        VERBOSITY.set(-1)
