"""`adamms inputs`: what a file of inputs is understood as, before anything is asked."""

from typing import Annotated, Any

import typer

from adamms.cli.console import print_json
from adamms.cli.option_groups import ReadingGroup, grouped
from adamms.cli.options import Json


@grouped
def inputs(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON lines or an array, LLaVA's conversations, messages, CSV, TSV, parquet, a folder of "
            "pictures (with --prompt), a picture, or a data set of a hub.",
        ),
    ],
    *,
    reading: ReadingGroup,
    json: Json = False,
) -> None:
    """Show how inputs are understood: how many, which pictures were found, and three as they will be asked.

    Examples: `adamms inputs questions.jsonl`,
    `adamms inputs photos/ --prompt "What is in the picture?"`,
    `adamms inputs table.csv --column prompt=caption --column image=photo --json`
    """
    from adamms.responses.inputs import InputSource, understand
    from adamms.responses.inputs.showing import summary

    understood = understand(InputSource(source, **reading.flat())).looked_at()
    about = summary(understood)
    print_json(about) if json else _print(about)
    # Said as a search would say it, and with its exit code.
    understood.required()


LONGEST = 1000
"""Characters of a line of a prompt that are shown."""


def _print(about: dict[str, Any]) -> None:
    kinds = (
        ("with_pictures", "with pictures"),
        ("with_sound", "with sound"),
        ("with_video", "with videos"),
        ("with_answers", "with answers"),
    )
    counts = [f"{about[key]:,} {words}" for key, words in kinds if about[key]]
    lines = [
        f"{about['source']}: {about['format']}",
        ", ".join([f"{about['inputs']:,} inputs", *counts]),
        f"{about['pictures']:,} pictures were found and open",
        *(f"Note: {note}" for note in about["notes"]),
    ]
    for entry in about["shown"]:
        lines += ["", f"input {entry['id']}"]
        lines += [
            f"  {role}   {name}" for role in ("image", "audio", "video") for name in entry.get(role, ())
        ]
        for number, line in enumerate(entry["prompt"].splitlines()):
            lines.append(f"  {'' if number else 'prompt':7} {line[:LONGEST]}")
        if "answer" in entry:
            lines.append(f"  answer  {str(entry['answer'])[:LONGEST]} (not looked at by a search)")
    print("\n".join(lines))
