"""What was understood of inputs, for a person or a program that wants to know before a search does."""

from itertools import islice
from pathlib import Path
from typing import Any

from adamms.responses.inputs.media import Media
from adamms.responses.inputs.reading import Inputs
from adamms.responses.inputs.records import Entry

SHOWN = 3


def summary(inputs: Inputs) -> dict[str, Any]:
    """What `adamms inputs --json` prints; the inputs have been looked at."""
    pictures = {image for entry in inputs.entries for image in entry.images}
    return {
        "source": inputs.name,
        "format": inputs.format,
        "inputs": len(inputs.entries),
        "with_pictures": sum(bool(entry.images) for entry in inputs.entries),
        "with_sound": sum(bool(entry.audio) for entry in inputs.entries),
        "with_video": sum(bool(entry.video) for entry in inputs.entries),
        "with_answers": sum(entry.answer not in (None, "", []) for entry in inputs.entries),
        "pictures": len(pictures),
        "notes": list(inputs.remarks),
        "problems": [problem.to_json() for problem in inputs.problems],
        "shown": [_shown(entry) for entry in islice(inputs.entries, SHOWN)],
    }


def _shown(entry: Entry) -> dict[str, Any]:
    """An input as it will be asked."""
    shown: dict[str, Any] = {"id": entry.id, "prompt": entry.prompt}
    for role, media in (("image", entry.images), ("audio", entry.audio), ("video", entry.video)):
        if media:
            shown[role] = [_name(medium, role) for medium in media]
    return shown | ({} if entry.answer is None else {"answer": entry.answer})


def _name(medium: Media, role: str) -> str:
    if role != "image":
        return str(medium) if isinstance(medium, Path) else f"(in the inputs, {len(medium.read()):,} bytes)"
    from io import BytesIO

    from adamms.responses.picture_files import opened_picture

    with opened_picture(medium if isinstance(medium, Path) else BytesIO(medium.read())) as image:
        size = f"{image.width} x {image.height}, {image.format}"
    return f"{medium} ({size})" if isinstance(medium, Path) else f"in the inputs ({size})"
