"""A mapping tensor by tensor, as rows of text for the page's long table.

`grouped` (in mapping) puts layers together for a quick look; this is the whole list, to search in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adamms.mapping import ParameterMapping
from adamms.mapping.segments import Segment, source_of

SEGMENTS = 2
"""Row ranges that are spelled out; a vocabulary may be matched in thousands."""


@dataclass(frozen=True)
class TensorRow:
    """One base tensor's fate."""

    name: str
    status: str
    donor: str
    reason: str


def tensor_rows(mapping: ParameterMapping) -> list[TensorRow]:
    """One row a base tensor, in the base's order."""
    return [
        TensorRow(name, entry.status, _donor(entry.segments), entry.reason)
        for name, entry in mapping.tensors.items()
    ]


def _donor(segments: Sequence[Segment]) -> str:
    if len(segments) <= SEGMENTS:
        return " + ".join(map(_segment, segments))
    names = " + ".join(dict.fromkeys(segment.donor for segment in segments))
    return f"{names} ({len(segments):,} row ranges)"


def _segment(segment: Segment) -> str:
    if not segment.is_plain or segment.donor_rows is segment.base_rows is None:
        return source_of(segment)
    rows = f"{segment.donor}[{_rows(segment.donor_rows)}]"
    return rows if segment.base_rows == segment.donor_rows else f"{rows} to rows {_rows(segment.base_rows)}"


def _rows(rows: tuple[int, int] | None) -> str:
    return f"{rows[0]}:{rows[1]}" if rows else "all"
