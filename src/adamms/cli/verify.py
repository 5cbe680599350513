"""`adamms verify`: is a merged checkpoint what it says it is?"""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.options import Json, VisionTower


def verify(
    folder: Annotated[
        Path, typer.Argument(help="A merged model, or a search's run directory.", metavar="DIR")
    ],
    vision_tower: VisionTower = None,
    json: Json = False,
) -> int:
    """Check that a merged model is complete, finite, changed, loads and answers.

    Exits with 1 where a check fails.

    Examples: `adamms verify merged`, `adamms verify run`
    """
    from adamms.checkpoints.merged_folder import merged_folder

    # Before torch is imported, which takes a second.
    merged = merged_folder(folder)
    from adamms.evaluation.verification import verify

    verification = verify(merged, vision_tower=vision_tower)
    if json:
        print_json(verification.to_json())
    else:
        marks = {True: "ok", False: "FAILED", None: "skipped"}
        for check in verification.checks:
            print(f"{check.name:10} {marks[check.passed]:8} {check.detail}")
    return 0 if verification.ok else 1
