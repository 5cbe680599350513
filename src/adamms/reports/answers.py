"""A few answers side by side over alpha: the inputs on which the candidates disagree most.

Answers and prompts are untrusted text and stay plain strings here; the template escapes them. Images become
small data URIs, so that the page needs no other file.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from adamms.evaluation.accuracy import is_right
from adamms.searching import Example, Responses, Selection
from adamms.searching.answer_table import comparable

ROWS = 10
LONGEST = 400
"""Characters of an answer or a prompt that are shown."""

THUMBNAIL = 160
"""Longest side, in pixels."""

COLOURS = 6
"""Different answers of one input that get a colour of their own; further ones share the last."""


@dataclass(frozen=True)
class Answer:
    """What one candidate said; equal answers of an input have an equal colour."""

    alpha: str
    text: str
    colour: int
    is_chosen: bool
    is_right: bool | None


@dataclass(frozen=True)
class AnswerRow:
    """One input with every candidate's answer."""

    id: str
    prompt: str
    thumbnails: tuple[str, ...]
    answer: str | None
    """The true answer, where it is known."""
    answers: tuple[Answer, ...]


def answer_rows(
    responses: Responses, selection: Selection, examples: Mapping[str, Example], *, rows: int = ROWS
) -> list[AnswerRow]:
    """The inputs whose answers change most often between neighbours, the most changeable first.

    Args:
        responses: all answers, for the alphas of the selection.
        selection: how answers were compared, and which candidate was chosen.
        examples: id -> prompt and images, as far as they are still there.
        rows: at most so many; inputs that never change are left out.
    """
    alphas = [each.alpha for each in selection.candidates]
    texts = {
        id_: [
            comparable(responses[alpha][id_], fold_case=selection.fold_case, strip=selection.strip)
            for alpha in alphas
        ]
        for id_ in responses[alphas[0]]
        if all(id_ in responses[alpha] for alpha in alphas)
    }
    # A collapsed candidate differs everywhere and would make every input look changeable.
    sound = [index for index, each in enumerate(selection.candidates) if not each.disqualified]
    judged = {id_: [said[index] for index in sound] for id_, said in texts.items()}
    changing = [id_ for id_ in texts if _changes(judged[id_])]
    # Stable: among equals the file's order stays.
    changing.sort(key=lambda id_: (_changes(judged[id_]), len(dict.fromkeys(judged[id_]))), reverse=True)
    return [
        _row(id_, texts[id_], alphas, responses, selection=selection, example=examples.get(id_))
        for id_ in changing[:rows]
    ]


def count_unchanged(responses: Responses, selection: Selection) -> int:
    """How many inputs get the same answer from every candidate that has not collapsed."""
    settings = {"fold_case": selection.fold_case, "strip": selection.strip}
    answered = [responses[each.alpha] for each in selection.candidates if not each.disqualified]
    return sum(
        all(
            comparable(each[id_], **settings) == comparable(answered[0][id_], **settings) for each in answered
        )
        for id_ in answered[0]
    )


def thumbnail(path: Path) -> str | None:
    """An image as a small data URI; None if it cannot be read any more."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A"))
    except Exception:
        # A damaged image makes PIL's plug-ins raise nearly anything; a page without it is still a page.
        return None
    small = max(image.size) <= THUMBNAIL / 2
    buffer = io.BytesIO()
    flat.save(buffer, "PNG" if small else "JPEG", **({"optimize": True} if small else {"quality": 80}))
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _changes(texts: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(texts))


def _row(
    id_: str,
    texts: Sequence[str],
    alphas: Sequence[float],
    responses: Responses,
    *,
    selection: Selection,
    example: Example | None,
) -> AnswerRow:
    colours = {text: min(index, COLOURS - 1) for index, text in enumerate(dict.fromkeys(texts))}
    known = example.answer if example else None
    return AnswerRow(
        id=id_,
        prompt=_shortened(example.prompt) if example else "",
        thumbnails=tuple(uri for image in (example.images if example else ()) if (uri := thumbnail(image))),
        answer=known,
        answers=tuple(
            Answer(
                alpha=f"{alpha:g}",
                text=_shortened(responses[alpha][id_].response.strip()),
                colour=colours[text],
                is_chosen=alpha == selection.selected,
                is_right=None if known is None else is_right(responses[alpha][id_].response, known),
            )
            for alpha, text in zip(alphas, texts, strict=True)
        ),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
