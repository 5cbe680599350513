"""`adamms push`: a merged checkpoint to a hub."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, print_json
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

    In one commit: what the merge wrote and carried over; links, hidden files and whatever else lies there
    are left out and named. To HF_ENDPOINT where that is set. Its `adamms.json` and `recipe.yaml` name the
    parents as you gave them: hub ids, or folders of yours.

    Example: `adamms push run/merged me/Qwen2-VL-merged-7B --private`
    """
    from adamms.checkpoints.publishing import publish

    published = publish(folder, repo_id, private=private, revision=revision)
    for name, why in published.files.left_out.items():
        Bars().say(f"Left out: {name} ({why}).")
    if json:
        left_out = dict(published.files.left_out)
        print_json({"repo_id": repo_id, "commit": published.commit, "left_out": left_out})
    else:
        print(f"Published: {published.commit}")
