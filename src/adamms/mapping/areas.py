"""Segments of matrices: experts that one model stores in a stack and the other one by one, or transposed.

A stack is `[experts, rows, columns]`. An area is a rectangle of one of its matrices, or of a tensor that is a
matrix itself. A row of dimension 0 is taken whole or not at all, so that what is merged stays row ranges.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from adamms.mapping.segments import Piece, Segment, Shape, Shapes, join
from adamms.mapping.slots import Place, Rows, row_count

STACK, MATRIX = 3, 2
"""The dimensions of a tensor of which an expert is taken, and of one of which none is."""


class Area(NamedTuple):
    """A rectangle of a tensor's matrix; `expert` is 0 where the tensor is one matrix."""

    expert: int
    rows: Rows
    columns: Rows


class Patch(NamedTuple):
    """An area of a base tensor and the donor's area for it, which is `transposed` on the way."""

    base: Area
    donor: str
    theirs: Area
    transposed: bool


def patch_of(place: Place, donor: Place) -> Patch:
    """What a slot of the base that is a matrix takes of the donor's."""
    assert place.columns
    assert donor.columns
    return Patch(
        Area(place.expert or 0, place.rows, place.columns),
        donor.tensor,
        Area(donor.expert or 0, donor.rows, donor.columns),
        place.transposed != donor.transposed,
    )


def patches(segments: Iterable[Segment], shape: Shape, *, donor: Shapes) -> tuple[Patch, ...]:
    """A base tensor's segments as areas, written out, in the order of the base's rows.

    Rows of dimension 0 of a stack are experts, so a plain segment of a stack is an area an expert.
    """
    found: list[Patch] = []
    for segment in segments:
        theirs = donor[segment.donor]
        if not segment.is_plain or len(shape) == MATRIX:
            found.append(
                Patch(
                    _area(shape, segment.base_expert, segment.base_rows, segment.base_columns),
                    segment.donor,
                    _area(theirs, segment.donor_expert, segment.donor_rows, segment.donor_columns),
                    segment.transpose,
                )
            )
            continue
        first, last = segment.base_rows or (0, shape[0])
        offset = (segment.donor_rows or (0, 0))[0] - first
        for expert in range(first, last):
            area = _area(shape, expert, None, None)
            found.append(
                Patch(area, segment.donor, _area(theirs, expert + offset, None, None), transposed=False)
            )
    return tuple(sorted(found))


def _area(shape: Shape, expert: int | None, rows: Rows | None, columns: Rows | None) -> Area:
    height, width = shape[-MATRIX:]
    return Area(expert or 0, rows or (0, height), columns or (0, width))


def join_patches(found: Iterable[Patch], shape: Shape, *, donor: Shapes) -> tuple[Segment, ...]:
    """Areas as segments: those that continue each other become one, and plain rows where they are such."""
    pieces: list[Piece] = []
    others: list[Segment] = []
    for patch in _joined(found):
        theirs = donor[patch.donor]
        if plain := _plain(patch, shape, theirs):
            pieces.append(plain)
        else:
            others.append(_segment(patch, shape, theirs))
    return (*join(pieces, shape, donor=donor), *others)


def _joined(found: Iterable[Patch]) -> list[Patch]:
    runs: list[Patch] = []
    for patch in sorted(found):
        if runs and (longer := _together(runs[-1], patch)):
            runs[-1] = longer
        else:
            runs.append(patch)
    return runs


def _together(one: Patch, other: Patch) -> Patch | None:
    """Two areas as one, if the second continues the first to the right or downwards in both tensors."""
    if (one.base.expert, one.donor, one.theirs.expert, one.transposed) != (
        other.base.expert,
        other.donor,
        other.theirs.expert,
        other.transposed,
    ):
        return None
    for across in (False, True):
        base = _continued(one.base, other.base, across=across)
        theirs = _continued(one.theirs, other.theirs, across=across != one.transposed)
        if base and theirs:
            return Patch(base, one.donor, theirs, one.transposed)
    return None


def _continued(one: Area, other: Area, *, across: bool) -> Area | None:
    if across and one.rows == other.rows and one.columns[1] == other.columns[0]:
        return Area(one.expert, one.rows, (one.columns[0], other.columns[1]))
    if not across and one.columns == other.columns and one.rows[1] == other.rows[0]:
        return Area(one.expert, (one.rows[0], other.rows[1]), one.columns)
    return None


def _plain(patch: Patch, shape: Shape, theirs: Shape) -> Piece | None:
    """The same as rows of dimension 0, if both sides take whole ones of tensors that are alike."""
    if patch.transposed or shape[1:] != theirs[1:]:
        return None
    if len(shape) == MATRIX:
        whole = (0, shape[1])
        if (patch.base.columns, patch.theirs.columns) != (whole, whole):
            return None
        return Piece(patch.base.rows, patch.donor, patch.theirs.rows)
    matrix = (0, shape[1]), (0, shape[2])
    if (patch.base[1:], patch.theirs[1:]) != (matrix, matrix):
        return None
    ours, other = patch.base.expert, patch.theirs.expert
    return Piece((ours, ours + 1), patch.donor, (other, other + 1))


def _segment(patch: Patch, shape: Shape, theirs: Shape) -> Segment:
    def cut(taken: Rows, size: int) -> Rows | None:
        return None if taken == (0, size) else taken

    return Segment(
        patch.donor,
        donor_rows=cut(patch.theirs.rows, theirs[-2]),
        base_rows=cut(patch.base.rows, shape[-2]),
        donor_expert=patch.theirs.expert if len(theirs) == STACK else None,
        base_expert=patch.base.expert if len(shape) == STACK else None,
        donor_columns=cut(patch.theirs.columns, theirs[-1]),
        base_columns=cut(patch.base.columns, shape[-1]),
        transpose=patch.transposed,
    )


def misfitting_areas(
    name: str, shape: Shape, segments: Sequence[Segment], *, donor: Shapes, source: str
) -> Iterable[str]:
    """What is wrong with a base tensor's segments of matrices, a sentence each.

    Args:
        name: the base tensor.
        shape: its shape.
        segments: what it is to take.
        donor: the donor's shapes by tensor name.
        source: the donor, for the sentences.
    """
    problems = [problem for segment in segments for problem in _misfits(name, shape, segment, donor, source)]
    yield from problems
    if problems:
        return
    found = patches(segments, shape, donor=donor)
    for patch in found:
        base, theirs = _size(patch.base), _size(patch.theirs)
        if base != (theirs[::-1] if patch.transposed else theirs):
            yield (
                f"{name}: shapes differ: base {shape} takes {base[0]} rows and {base[1]} columns, donor "
                f"{patch.donor} {donor[patch.donor]} gives {theirs[0]} and {theirs[1]}"
                f"{', before it is transposed' if patch.transposed else ''}."
            )
    yield from _gaps(name, shape, [patch.base for patch in found])


def _misfits(name: str, shape: Shape, segment: Segment, donor: Shapes, source: str) -> Iterable[str]:
    theirs = donor.get(segment.donor)
    if theirs is None:
        yield f"{name}: there is no tensor {segment.donor} in {source}."
    elif segment.is_plain:
        rows = segment.base_rows or (0, row_count(shape))
        their_rows = segment.donor_rows or (0, row_count(theirs))
        if shape[1:] != theirs[1:] or rows[1] - rows[0] != their_rows[1] - their_rows[0]:
            yield (
                f"{name}: shapes differ: base {shape} rows {list(rows)}, donor {segment.donor} {theirs} rows "
                f"{list(their_rows)}."
            )
        for of, taken, count in ((name, rows, shape[0]), (segment.donor, their_rows, theirs[0])):
            yield from _outside(name, of, "rows", taken, count)
    else:
        yield from _unfit(name, name, shape, segment.base_expert, segment.base_rows, segment.base_columns)
        yield from _unfit(
            name, segment.donor, theirs, segment.donor_expert, segment.donor_rows, segment.donor_columns
        )


def _unfit(
    name: str, of: str, shape: Shape, expert: int | None, rows: Rows | None, columns: Rows | None
) -> Iterable[str]:
    """What is wrong with an area of a tensor `of` that concerns the base tensor `name`."""
    if expert is None and len(shape) != MATRIX:
        yield f"{name}: columns and transposition are for matrices; of {of} {shape} an expert must be named."
    elif expert is not None and len(shape) != STACK:
        yield f"{name}: an expert is taken of a stack of matrices, and {of} is {shape}."
    else:
        if expert is not None and expert >= shape[0]:
            yield f"{name}: there is no expert {expert} among the {shape[0]} of {of}."
        yield from _outside(name, of, "rows", rows, shape[-2])
        yield from _outside(name, of, "columns", columns, shape[-1])


def _outside(name: str, of: str, kind: str, taken: Rows | None, count: int) -> Iterable[str]:
    if taken and not 0 <= taken[0] < taken[1] <= count:
        yield f"{name}: {kind} {list(taken)} do not lie within the {count} {kind} of {of}."


def _size(area: Area) -> tuple[int, int]:
    return area.rows[1] - area.rows[0], area.columns[1] - area.columns[0]


def _gaps(name: str, shape: Shape, areas: Sequence[Area]) -> Iterable[str]:
    """Insist that a row of dimension 0 is taken whole, and once."""
    height, width = shape[-MATRIX:]
    by_expert: dict[int, list[Area]] = {}
    for area in areas:
        by_expert.setdefault(area.expert, []).append(area)
    for expert, held in by_expert.items():
        where = f" of expert {expert}" if len(shape) == STACK else ""
        cuts = sorted(dict.fromkeys(row for area in held for row in area.rows))
        taken = 0
        for top, bottom in pairwise(cuts):
            columns = sorted(area.columns for area in held if area.rows[0] <= top < area.rows[1])
            if any(after[0] < before[1] for before, after in pairwise(columns)):
                yield f"{name}: areas{where} overlap in rows {[top, bottom]}; a value has one source only."
            elif columns and sum(right - left for left, right in columns) != width:
                yield (
                    f"{name}: of rows {[top, bottom]}{where} some columns have no source; a row is taken "
                    "whole or not at all."
                )
            taken += bottom - top if columns else 0
        if len(shape) == STACK and taken != height:
            yield f"{name}: some rows{where} have no source; an expert is taken whole or not at all."


def covered_spans(found: Iterable[Patch], shape: Shape) -> tuple[Rows, ...]:
    """The rows of dimension 0 that areas cover, in order, adjoining ones as one span."""
    stack = len(shape) == STACK
    spans = sorted(dict.fromkeys((p.base.expert, p.base.expert + 1) if stack else p.base.rows for p in found))
    runs: list[Rows] = []
    for start, stop in spans:
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return tuple(runs)
