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
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            help="What `adamms eval DIR --out SCORES` kept, for the card and its model-index. Repeatable.",
            metavar="SCORES",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would go, and send nothing.", rich_help_panel=OUTPUT)
    ] = False,
    json: Json = False,
) -> None:
    """Upload a merged model with its card to the Hugging Face hub.

    In one commit: what the merge wrote and carried over; links, hidden files and whatever else lies there
    are left out and named. No path of this machine goes along: folders are called by their own names. The
    card holds the recipe, the curve of the choice, the parents' licences, and the scores you name. To
    HF_ENDPOINT where that is set.

    Examples: `adamms push run me/Qwen2-VL-merged-7B --dry-run`,
    `adamms push run/merged me/Qwen2-VL-merged-7B --private --scores scores-merged`
    """
    from adamms.runs.publication import prepare

    publication = prepare(folder, repo_id, scores=scores or ())
    for name, why in publication.files.left_out.items():
        Bars().say(f"Left out: {name} ({why}).")
    for warning in publication.warnings:
        Bars().say(f"Warning: {warning}")
    left_out = dict(publication.files.left_out)
    about = {"repo_id": repo_id, "left_out": left_out, "warnings": list(publication.warnings)}
    if dry_run:
        if json:
            card = publication.contents["README.md"].decode()
            print_json({**about, "files": publication.sizes, "card": card})
            return
        for name, size in publication.sizes.items():
            print(f"{size:>15,}  {name}")
        print(
            f"Nothing was sent. {len(publication.sizes)} files would go to {repo_id}; --json shows the card."
        )
        return
    published = publication.publish(private=private, revision=revision)
    if json:
        print_json({**about, "commit": published.commit})
    else:
        print(f"Published: {published.commit}")
