"""What happens to one base tensor: which donor rows it takes, or that it keeps its own, and why.

Row ranges are half-open and of dimension 0; None stands for the whole tensor. Nothing here knows
architectures, files or more than one tensor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from adamms.mapping.slots import Rows, row_count

Status = Literal["merged", "partly", "kept"]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of one donor tensor for rows of a base tensor; None stands for the whole tensor."""

    donor: str
    donor_rows: Rows | None = None
    base_rows: Rows | None = None


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
    return sum(stop - start for start, stop in (segment.base_rows or whole(shape) for segment in segments))


def status_of(segments: Iterable[Segment], shape: Shape) -> Status:
    """The status that follows from the rows that have a donor row."""
    covered = covered_rows(segments, shape)
    if not covered:
        return "kept"
    return "merged" if covered == row_count(shape) else "partly"


def misfits(
    name: str, shape: Shape, segments: Iterable[Segment], *, donor: Shapes, source: str
) -> Iterable[str]:
    """What is wrong with a base tensor's segments, a sentence each.

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
