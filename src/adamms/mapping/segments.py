"""What happens to one base tensor: which donor rows it takes, or that it keeps its own, and why.

Row ranges are half-open and of dimension 0; None stands for the whole tensor. What the donor stores otherwise
(all experts in one tensor, or transposed) is a segment of a matrix: `areas` has its rules. Nothing here knows
architectures, files or more than one tensor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal, NamedTuple

from adamms.mapping.slots import Rows, row_count

Status = Literal["merged", "partly", "kept"]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of one donor tensor for rows of a base tensor; None stands for the whole tensor.

    With an expert, columns or `transpose` it is about a matrix: the tensor, or that expert's part of a stack
    `[experts, rows, columns]`. Rows and columns are then those of the matrix as it is stored; the donor's are
    cut out first and transposed after that.
    """

    donor: str
    donor_rows: Rows | None = None
    base_rows: Rows | None = None
    donor_expert: int | None = None
    base_expert: int | None = None
    donor_columns: Rows | None = None
    base_columns: Rows | None = None
    transpose: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is about rows of dimension 0 alone."""
        return not self.transpose and all(
            part is None
            for part in (self.donor_expert, self.base_expert, self.donor_columns, self.base_columns)
        )


def source_of(segment: Segment, *, expert: str | None = None) -> str:
    """A segment's donor for people: `q_proj.weight[0:8]`, `experts.gate_up_proj[3, :, 0:768].T`.

    `expert` stands for the expert's number where several segments are spoken of.
    """
    if segment.is_plain:
        cut = [_span(segment.donor_rows)] if segment.donor_rows else []
    else:
        number = [] if segment.donor_expert is None else [expert or str(segment.donor_expert)]
        cut = [*number, _span(segment.donor_rows), _span(segment.donor_columns)]
        while cut[-1:] == [":"]:
            cut.pop()
    return segment.donor + (f"[{', '.join(cut)}]" if cut else "") + (".T" if segment.transpose else "")


def _span(rows: Rows | None) -> str:
    return f"{rows[0]}:{rows[1]}" if rows else ":"


class Piece(NamedTuple):
    """A segment with its row ranges written out."""

    base_rows: Rows
    donor: str
    donor_rows: Rows


@dataclass(frozen=True, slots=True)
class TensorMapping:
    """One base tensor's fate. `merged`: every row has a donor row; `partly`: some have; `kept`: none has."""

    status: Status
    reason: str
    segments: tuple[Segment, ...] = ()


def whole(shape: Shape) -> Rows:
    """All rows of a tensor."""
    return (0, row_count(shape))


def resolve(segments: Iterable[Segment], shape: Shape, *, donor: Shapes) -> tuple[Piece, ...]:
    """A base tensor's segments as pieces, in the order of its rows."""
    return tuple(
        sorted(
            Piece(
                segment.base_rows or whole(shape),
                segment.donor,
                segment.donor_rows or whole(donor[segment.donor]),
            )
            for segment in segments
        )
    )


def join(pieces: Iterable[Piece], shape: Shape, *, donor: Shapes) -> tuple[Segment, ...]:
    """Pieces as segments: those that continue each other become one, whole tensors are not spelled out."""
    runs: list[Piece] = []
    for rows, name, donor_rows in sorted(pieces):
        if runs and _ends(runs[-1]) == (rows[0], name, donor_rows[0]):
            before = runs.pop()
            rows, donor_rows = (before.base_rows[0], rows[1]), (before.donor_rows[0], donor_rows[1])
        runs.append(Piece(rows, name, donor_rows))
    return tuple(
        Segment(
            run.donor,
            None if run.donor_rows == whole(donor[run.donor]) else run.donor_rows,
            None if run.base_rows == whole(shape) else run.base_rows,
        )
        for run in runs
    )


def _ends(piece: Piece) -> tuple[int, str, int]:
    return piece.base_rows[1], piece.donor, piece.donor_rows[1]


def covered_rows(segments: Iterable[Segment], shape: Shape) -> int:
    """How many rows of a base tensor its segments give a donor row."""
    rows = elements = 0
    for segment in segments:
        if segment.is_plain:
            start, stop = segment.base_rows or whole(shape)
            rows += stop - start
        else:
            matrix = shape[1:] if segment.base_expert is not None else shape
            (top, bottom), (left, right) = (
                taken or (0, size)
                for taken, size in zip((segment.base_rows, segment.base_columns), matrix, strict=True)
            )
            elements += (bottom - top) * (right - left)
    return rows + elements // max(prod(shape[1:]), 1)


def status_of(segments: Iterable[Segment], shape: Shape) -> Status:
    """The status that follows from the rows that have a donor row."""
    covered = covered_rows(segments, shape)
    if not covered:
        return "kept"
    return "merged" if covered == row_count(shape) else "partly"


def misfits(
    name: str, shape: Shape, segments: Iterable[Segment], *, donor: Shapes, source: str
) -> Iterable[str]:
    """What is wrong with a base tensor's segments of rows, a sentence each.

    Args:
        name: the base tensor.
        shape: its shape.
        segments: what it is to take.
        donor: the donor's shapes by tensor name.
        source: the donor, for the sentences.
    """
    taken: list[Rows] = []
    for segment in segments:
        theirs = donor.get(segment.donor)
        if theirs is None:
            yield f"{name}: there is no tensor {segment.donor} in {source}."
            continue
        ours_rows, their_rows = segment.base_rows or whole(shape), segment.donor_rows or whole(theirs)
        for rows, of, bound in ((ours_rows, name, shape), (their_rows, segment.donor, theirs)):
            if not 0 <= rows[0] < rows[1] <= row_count(bound):
                yield f"{name}: rows {list(rows)} do not lie within the {row_count(bound)} rows of {of}."
        if ours_rows[1] - ours_rows[0] != their_rows[1] - their_rows[0] or shape[1:] != theirs[1:]:
            yield (
                f"{name}: shapes differ: base {shape} rows {list(ours_rows)}, "
                f"donor {segment.donor} {theirs} rows {list(their_rows)}."
            )
        taken.append(ours_rows)
    for before, after in pairwise(sorted(taken)):
        if after[0] < before[1]:
            yield f"{name}: rows {list(before)} and {list(after)} overlap; a row has one source only."
