"""`adamms report`: (re)build the page of a finished run."""

from pathlib import Path
from typing import Annotated

import typer


def report(run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run directory.")]) -> None:
    """Build a run's report.html again from what lies in its directory.

    Example: `adamms report run`
    """
    from adamms.reports.page import build_report

    print(build_report(run_dir))
