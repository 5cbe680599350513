"""What `make docs` adds to the pages under docs/: the command reference, made of the program's own help.

A hook of MkDocs: nothing generated lies in the repository, so nothing of it can be out of date.
"""

import os
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HELP = "reference/help.md"
PYTHON = "reference/python.md"


def on_files(files: Files, *, config: MkDocsConfig, **_: Any) -> Files:
    """Add the generated pages."""
    files.append(File.generated(config, HELP, content=help_page()))
    files.append(File.generated(config, PYTHON, content=python_page()))
    return files


def help_page() -> str:
    """Every verb's `--help`, as a terminal of 90 columns prints it."""
    os.environ["COLUMNS"] = "90"
    from typer import Context
    from typer.main import get_command

    from adamms.cli import GROUPS, app

    program: Any = get_command(app)
    parts = [
        "# Every verb and option\n\n"
        "What `adamms VERB --help` prints. Files, JSON and exit codes: [commands](commands.md)."
    ]
    for group, verbs in GROUPS.items():
        parts.append(f"## {group}")
        for verb in verbs:
            command = program.get_command(None, verb)
            context = Context(command, info_name=f"adamms {verb}")
            parts.append(f"### {verb}\n\n```text\n{command.get_help(context).strip()}\n```")
    return "\n\n".join(parts) + "\n"


def python_page() -> str:
    """The public functions, of whose docstrings mkdocstrings makes the page."""
    import adamms

    functions = [name for name in adamms.__all__ if name.islower() and not name.startswith("_")]
    parts = ["# Python", "What `import adamms` gives. A notebook that uses it: `examples/quickstart.ipynb`."]
    parts += [f"::: adamms.{name}" for name in functions]
    return "\n\n".join(parts) + "\n"
