"""`adamms push`: a merged checkpoint to a hub."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.options import OUTPUT, Json


def push(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A merged checkpoint, or a search's run directory.")
    ],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="owner/name; created if there is none.")],
    private: Annotated[
        bool, typer.Option("--private", help="A new repository is private.", rich_help_panel=OUTPUT)
    ] = False,
    revision: Annotated[
        str | None,
        typer.Option(
            help="An existing branch; the main one otherwise.", metavar="BRANCH", rich_help_panel=OUTPUT
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Upload a merged model with its card to the Hugging Face hub.

    In one commit; to HF_ENDPOINT where that is set. Its `adamms.json` and `recipe.yaml` name the parents as
    you gave them: hub ids, or folders of yours.

    Example: `adamms push run/merged me/Qwen2-VL-merged-7B --private`
    """
    from adamms.checkpoints.publishing import publish

    commit = publish(folder, repo_id, private=private, revision=revision)
    if json:
        print_json({"repo_id": repo_id, "commit": commit})
    else:
        print(f"Published: {commit}")
