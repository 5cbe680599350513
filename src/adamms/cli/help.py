"""What `adamms -h` and `adamms VERB -h` print: examples first, then the options in panels by purpose.

Laid out by itself, because the parser's own layout cuts names off in a terminal of 80 columns: names stand in
a narrow column that folds, and what an option means beside them.
"""

import re
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from adamms.cli.options import OUTPUT, PANELS

WIDEST = 100
"""Columns, however wide the terminal is: longer lines are not read."""
NAMES = 26
"""Columns of an option's name; a longer one has its meaning on the next line."""
OTHERS = "Other options"
MODELS = "Arguments"


def verb_help(command: Any, ctx: Any) -> str:
    """A verb's help: usage, what it does, examples, panels of options."""
    prose, examples = split_examples(command.help or "")
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        if getattr(parameter, "hidden", False):
            continue
        argument = parameter.param_type_name == "argument"
        panel = getattr(parameter, "rich_help_panel", None) or (MODELS if argument else OTHERS)
        if parameter.name == "help":
            panel = OUTPUT
        panels.setdefault(panel, []).append((_names(parameter, ctx), _meaning(parameter)))
    order = (MODELS, *PANELS)
    known = [panel for panel in order if panel in panels]
    return _render(
        _usage(command, ctx),
        prose,
        examples,
        [(panel, panels[panel]) for panel in (*known, *(panel for panel in panels if panel not in order))],
    )


def program_help(command: Any, ctx: Any, groups: Iterable[tuple[str, Iterable[str]]]) -> str:
    """The program's help: its verbs in groups, a line a verb, and its own options."""
    panels = []
    for group, verbs in groups:
        rows = [(verb, split_examples(command.get_command(ctx, verb).help or "")[0]) for verb in verbs]
        panels.append((group, [(verb, first_sentence(text)) for verb, text in rows]))
    options = [
        (_names(parameter, ctx), _meaning(parameter))
        for parameter in command.get_params(ctx)
        if not getattr(parameter, "hidden", False)
    ]
    prose, examples = split_examples(command.help or "")
    return _render("adamms VERB [OPTIONS] ...", prose, examples, [*panels, ("Options", options)])


def split_examples(text: str) -> tuple[str, list[str]]:
    """A docstring without its examples, and those: what stands in `backticks` behind "Example:"."""
    prose, _, shown = text.partition("Example")
    return prose.strip(), re.findall(r"`([^`]+)`", shown)


def first_sentence(text: str) -> str:
    """The first sentence of a text, without its full stop."""
    return re.split(r"\.(?:\s|$)", " ".join(text.split()), maxsplit=1)[0]


def _usage(command: Any, ctx: Any) -> str:
    arguments = [
        f"{parameter.metavar or parameter.name.upper()}{'...' if parameter.nargs != 1 else ''}"
        for parameter in command.get_params(ctx)
        if parameter.param_type_name == "argument"
    ]
    required = [
        _names(parameter, ctx)
        for parameter in command.get_params(ctx)
        if parameter.param_type_name == "option" and parameter.required
    ]
    return " ".join([ctx.command_path, *arguments, *required, "[OPTIONS]"])


def _names(parameter: Any, ctx: Any) -> str:
    """How an option is written: its names, then what it takes."""
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper()
    names = sorted([*parameter.opts, *parameter.secondary_opts], key=lambda name: name.startswith("--"))
    taken = "" if parameter.is_flag else f" {_takes(parameter, ctx)}"
    return f"{', '.join(names)}{taken}"


def _takes(parameter: Any, ctx: Any) -> str:
    if parameter.metavar:
        return parameter.metavar
    shown = parameter.display_type(ctx) if hasattr(parameter, "display_type") else parameter.make_metavar(ctx)
    kind = shown.strip("<>[]{}").lower().removesuffix(" range")
    named = {"int": "N", "integer": "N", "float": "X", "str": "TEXT", "text": "TEXT"}
    # What remains is a choice, written as it is typed.
    return named.get(kind, kind.upper() if kind in ("path", "file", "directory") else kind)


def _meaning(parameter: Any) -> str:
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    if isinstance(default, str | int | float | Path) and not isinstance(default, bool) and str(default):
        text += f" [default: {default}]"
    return f"{text} [needed]" if parameter.required and parameter.param_type_name == "option" else text


def _render(
    usage: str, prose: str, examples: list[str], panels: list[tuple[str, list[tuple[str, str]]]]
) -> str:
    from rich import box
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(file=StringIO(), force_terminal=terminal, highlight=False)
    console.width = min(Console(stderr=False).width, WIDEST)
    console.print(Text.assemble(("Usage: ", "bold"), usage), soft_wrap=False)
    console.print()
    for paragraph in prose.split("\n\n"):
        console.print(Text(" ".join(paragraph.replace("`", "").split())))
        console.print()
    if examples:
        console.print(Text("Examples" if len(examples) > 1 else "Example", style="bold"))
        for example in examples:
            # Never folded: it is there to be copied.
            console.print(Text(f"  {' '.join(example.split())}"), soft_wrap=True)
        console.print()
    for title, rows in panels:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=min(NAMES, max(len(name) for name, _ in rows)), no_wrap=False, overflow="fold")
        table.add_column(ratio=1, overflow="fold")
        for name, meaning in rows:
            long = len(name) > NAMES
            if long and " " in name and len(head := name.rpartition(" ")[0]) <= NAMES:
                # The names on one line, what it takes on the next.
                label = Text.assemble((head, "bold cyan"), "\n  ", (name.rpartition(" ")[2], "yellow"))
            else:
                label = Text(name, style="bold cyan")
            table.add_row(label, Text(meaning.replace("`", "")))
        console.print(
            Panel(table, title=title, title_align="left", border_style="dim", box=box.ROUNDED, padding=(0, 1))
        )
    written = console.file
    assert isinstance(written, StringIO)
    return written.getvalue().rstrip()
