"""`adamms inspect`: what a checkpoint is, from its headers alone."""

from typing import Annotated

import typer

from adamms.cli.console import print_json, show
from adamms.cli.options import Json


def inspect(
    model: Annotated[
        str, typer.Argument(help="A folder or a hub id; no weights are downloaded.", metavar="MODEL")
    ],
    json: Json = False,
) -> None:
    """Show what a model is: architecture, decoder, vocabulary, sizes.

    Read from headers alone; a hub id downloads no weights.

    Example: `adamms inspect Qwen/Qwen2-VL-7B-Instruct`
    """
    from adamms.adapters import open_model
    from adamms.mapping import inspect_checkpoint

    with open_model(model) as checkpoint:
        inspection = inspect_checkpoint(checkpoint)
    if json:
        print_json(inspection.to_json())
        return
    from adamms.reports.tables import inspection_tables

    show(*inspection_tables(inspection))
