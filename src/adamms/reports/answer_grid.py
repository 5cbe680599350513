"""The grid of answers, as the paper's Figure 3: a row an input, a column a candidate (or a run).

Equal answers of a row have the same letter and colour, in order of first appearance, so that A is always
what the first column says. Answers and prompts are untrusted and stay plain strings; the page escapes them.
What a click shows travels beside the grid as plain data for JSON. Knows neither HTML nor how an alpha is
chosen.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from adamms.reports.clips import Clip, Kind, clips
from adamms.reports.excerpts import Part, excerpt
from adamms.reports.html import clipped, one_line, shown
from adamms.reports.pictures import Picture, pictures
from adamms.responses import Example, Response

ROWS = 300
CELLS = 9000
"""A page shows at most so many inputs, and fewer where there are many candidates."""

COLOURS = 8
"""Different answers of one input that get a colour of their own; further ones share the last."""

IN_A_CELL = 60
IN_A_ROW = 90
SENTENCE = 24
"""Characters of an answer and of a prompt that the grid itself shows, and that make an answer a long one."""

LENGTHS = (4000, 2000, 1000, 500, 250)
TEXT_BUDGET = 1_100_000
"""What a click shows is cut to the first of these lengths that keeps all texts within so many bytes."""


PARENT = "parent"


@dataclass(frozen=True)
class Column:
    """What one column of the grid stands for."""

    label: str
    kind: str
    """`run`, `parent`, or what a search's candidates differ in: `alpha`, or the name of another setting."""
    is_chosen: bool = False
    disqualified: str | None = None
    is_parent: bool = False
    """Whether a donor's own answers stand there, beside the candidates'."""


@dataclass(frozen=True)
class Cell:
    """One answer in short."""

    letter: str
    colour: int
    parts: tuple[Part, ...]
    """What it says, or an excerpt around where it differs from the row's other answers."""
    is_right: bool | None
    """None where the true answer is not known."""

    @property
    def text(self) -> str:
        """What of the answer the grid shows."""
        return " ".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Row:
    """One input in short."""

    id: str
    prompt: str
    thumbnail: str | None
    plays: str
    """`audio` or `video` where there is no picture but one of these; else empty."""
    changes: int
    """How often the answer changes from one sound column to the next."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """The grid and what its dialog shows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    inputs: int
    """Inputs altogether; more than rows where the page would grow too large."""
    unchanged: int
    """How many of them get the same answer in every sound column."""
    right: tuple[int, ...] = ()
    """Of every column the right answers; empty where no true answer is known."""
    known: int = 0
    """Inputs whose true answer is known."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """For JSON: `columns`, `pictures`, and the `inputs` with every answer, in the order of the rows."""

    @property
    def is_wordy(self) -> bool:
        """Whether many answers are sentences, which need more room in a cell."""
        lengths = [len(cell.text) for row in self.rows for cell in row.cells]
        return sum(length > SENTENCE for length in lengths) * 10 > len(lengths)


def answer_grid(
    columns: Sequence[Column],
    answers: Mapping[str, Sequence[Response]],
    *,
    compared: Callable[[Response], str],
    examples: Mapping[str, Example],
) -> Grid:
    """Lay answers out, the most changeable input first.

    Args:
        columns: what the grid's columns are; those disqualified do not count as a change.
        answers: input id -> one response a column.
        compared: the text by which two answers are equal.
        examples: input id -> prompt, images and perhaps the true answer, as far as they are still there.
    """
    sound = [
        index for index, column in enumerate(columns) if not column.disqualified and not column.is_parent
    ]
    texts = {id_: [compared(response) for response in row] for id_, row in answers.items()}
    changes = {id_: _changes([row[index] for index in sound]) for id_, row in texts.items()}
    # Stable: among equals the file's order stays.
    ordered = sorted(answers, key=lambda id_: -changes[id_])
    kept = ordered[: min(ROWS, max(20, CELLS // len(columns)))]
    shown_examples = [_example(examples, id_) for id_ in kept]
    seen = pictures(image for example in shown_examples for image in example.images)
    played = clips(_clips(shown_examples))
    lettered = {id_: _letters(texts[id_]) for id_ in kept}
    rows = tuple(
        _row(_example(examples, id_), answers[id_], lettered[id_], seen=seen, changes=changes[id_])
        for id_ in kept
    )
    numbers = {path: index for index, path in enumerate((*seen, *played))}
    details = {
        "columns": [
            {
                "label": shown(column.label),
                "kind": column.kind,
                "chosen": column.is_chosen,
                "disqualified": shown(column.disqualified or ""),
            }
            for column in columns
        ],
        "pictures": [
            {"uri": image.medium or image.thumbnail, "name": shown(image.name), "about": image.about}
            for image in seen.values()
        ]
        + [_played(clip) for clip in played.values()],
        "inputs": _within_budget(
            [
                _details(_example(examples, id_), answers[id_], row, numbers=numbers)
                for id_, row in zip(kept, rows, strict=True)
            ]
        ),
    }
    unchanged = sum(count == 0 for count in changes.values())
    truths = {id_: answer for id_ in answers if (answer := _example(examples, id_).answer) is not None}
    right = [
        sum(_is_right(answers[id_][index].response, truth) for id_, truth in truths.items())
        for index in range(len(columns) if truths else 0)
    ]
    return Grid(tuple(columns), rows, len(answers), unchanged, tuple(right), len(truths), details)


def letter(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA, as a spreadsheet counts."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _example(examples: Mapping[str, Example], id_: str) -> Example:
    return examples.get(id_) or Example(id_, (), "")


def _changes(texts: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(texts))


def _letters(texts: Sequence[str]) -> list[int]:
    order = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return [order[text] for text in texts]


def _row(
    example: Example,
    answers: Sequence[Response],
    letters: Sequence[int],
    *,
    seen: Mapping[Any, Picture],
    changes: int,
) -> Row:
    said = list(dict.fromkeys(answer.response for answer in answers))
    # Every answer beside the first one, and that beside the next.
    beside = {text: said[0] if text != said[0] else said[1] if len(said) > 1 else None for text in said}
    plays = "" if example.images else "video" if example.video else "audio" if example.audio else ""
    return Row(
        id=one_line(example.id, IN_A_ROW),
        prompt=one_line(example.prompt, IN_A_ROW),
        thumbnail=next((uri for image in example.images if (uri := seen[image].thumbnail)), None),
        plays=plays,
        changes=changes,
        cells=tuple(
            Cell(
                letter=letter(index),
                colour=min(index, COLOURS - 1),
                parts=excerpt(answer.response, beside[answer.response], IN_A_CELL),
                is_right=None if example.answer is None else _is_right(answer.response, example.answer),
            )
            for answer, index in zip(answers, letters, strict=True)
        ),
    )


def _details(
    example: Example, answers: Sequence[Response], row: Row, *, numbers: Mapping[Any, int]
) -> dict[str, Any]:
    texts = list(dict.fromkeys(answer.response for answer in answers))
    return {
        "id": example.id,
        "prompt": example.prompt,
        "truth": example.answer,
        "pictures": [numbers[file] for file in example.files if file in numbers],
        "texts": texts,
        "answers": [
            {
                "text": texts.index(answer.response),
                "letter": cell.letter,
                "colour": cell.colour,
                "right": cell.is_right,
                "confidence": None if answer.confidence is None else round(answer.confidence, 4),
                "cut": answer.finished is False,
            }
            for answer, cell in zip(answers, row.cells, strict=True)
        ],
    }


def _clips(examples: Sequence[Example]) -> Iterator[tuple[Kind, Path]]:
    for example in examples:
        yield from (("audio", path) for path in example.audio)
        yield from (("video", path) for path in example.video)


def _played(clip: Clip) -> dict[str, Any]:
    return {"uri": clip.uri, "name": shown(clip.name), "about": clip.about, "kind": clip.kind}


def _within_budget(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The inputs with all their texts made visible, and cut where they are too long for a page."""
    for limit in LENGTHS:
        cut = [
            {
                **entry,
                **{key: _cut(entry[key], limit) for key in ("id", "prompt", "truth")},
                "texts": [_cut(text, limit) for text in entry["texts"]],
            }
            for entry in inputs
        ]
        if limit == LENGTHS[-1] or len(json.dumps(cut, ensure_ascii=False).encode()) <= TEXT_BUDGET:
            break
    return cut


def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else shown(clipped(text.strip(), limit))


def _is_right(response: str, truth: str) -> bool:
    # Late: most searches know no true answers.
    from adamms.evaluation.labels import Label
    from adamms.evaluation.metrics import exact

    return bool(exact(response, Label((truth,))))
