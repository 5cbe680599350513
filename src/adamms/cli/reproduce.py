"""`adamms reproduce`: make a merge again and compare."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, print_json
from adamms.cli.options import Json


def reproduce(
    folder: Annotated[
        Path, typer.Argument(help="A merged model, or a search's run directory.", metavar="DIR")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Keep the repeated model here; default: only compare.", metavar="DIR")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Where the base lies now, if elsewhere.", metavar="MODEL")
    ] = None,
    donor: Annotated[
        str | None, typer.Option(help="Where the donor lies now, if elsewhere.", metavar="MODEL")
    ] = None,
    json: Json = False,
) -> int:
    """Make a merge again from its adamms.json and compare every weight file, bit for bit.

    Exits with 1 where a file differs. Example: `adamms reproduce run/merged`
    """
    from adamms.runs.reproduction import reproduce

    result = reproduce(folder, out=out, base=base, donor=donor, progress=Bars())
    if json:
        print_json(result.to_json())
    else:
        for name, equal in result.files.items():
            print(f"{name:40} {'the same' if equal else 'DIFFERENT'}")
    return 0 if result.equal else 1
