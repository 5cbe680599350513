"""A mapping for people: in a dozen rows, where tensors that differ only in their layer are one, and in full.

Plain data; how the rows are drawn is the reports' matter. The groups of what is merged come first, then what
is kept, grouped by reason; the full list, to search in, is in the base's order.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import prod
from typing import TYPE_CHECKING

from adamms.errors import MappingError
from adamms.mapping.decoder import find_decoder
from adamms.mapping.parameter_mapping import ParameterMapping, shapes_of
from adamms.mapping.segments import Segment, Status, TensorMapping, covered_rows, source_of

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

LAYER = re.compile(r"(?<=layers\.)\d+(?=\.)")
NUMBER = re.compile(r"(?<=layers\.)\d+(?=\.)|(?<=\bexperts\.)\d+(?=\.)")
SEGMENTS_SHOWN = 3
RANGES_SHOWN = 2
"""Row ranges that are spelled out; a vocabulary may be matched in thousands."""


@dataclass(frozen=True)
class Group:
    """Base tensors with one fate, such as attention.q of layers 0-27.

    Attributes:
        label: the slots' role, `attention.q`, or what the tensors are, `vision encoder`.
        layers: `0-27`; empty for what exists once.
        status: merged, partly or kept.
        tensors: how many base tensors.
        parameters: how many parameters they have.
        parameters_merged: how many of these have a donor value.
        base: their names, `*` for the layer.
        donor: the donor's names, `*` for the layer; empty where the base's are kept.
        reason: why.
    """

    label: str
    layers: str
    status: Status
    tensors: int
    parameters: int
    parameters_merged: int
    base: str
    donor: str
    reason: str

    @property
    def title(self) -> str:
        """The label with its layers: `layers 0-27, attention.q`."""
        return f"layers {self.layers}, {self.label}" if self.layers else self.label


def grouped(mapping: ParameterMapping, base: "TensorSource") -> tuple[Group, ...]:
    """Group a mapping's tensors; `base` is the checkpoint it was made for."""
    roles = _roles(base)
    shapes = shapes_of(base)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, entry in mapping.tensors.items():
        label = roles.get(name, "")
        where = (_pattern(name), _donor(entry)) if label or entry.segments else ()
        groups.setdefault((entry.status, label, entry.reason, *where), []).append(name)
    rows = [
        Group(
            label=label or _head(reason),
            layers=layer_ranges(int(match.group()) for name in names if (match := LAYER.search(name))),
            status=mapping.tensors[names[0]].status,
            tensors=len(names),
            parameters=sum(prod(shapes[name]) for name in names),
            parameters_merged=sum(_merged(mapping.tensors[name], shapes[name]) for name in names),
            base=_common(names),
            donor=_donor(mapping.tensors[names[0]]),
            reason=reason,
        )
        for (_, label, reason, *_), names in groups.items()
    ]
    return tuple(sorted(rows, key=_order))


def _order(row: Group) -> tuple[bool, bool, str]:
    return row.status == "kept", bool(row.layers), row.label


def layer_ranges(layers: Iterable[int]) -> str:
    """Numbers as ranges: `0-27`, `0-3, 5`."""
    runs: list[list[int]] = []
    for number in sorted(dict.fromkeys(layers)):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _roles(base: "TensorSource") -> dict[str, str]:
    try:
        places = find_decoder(base).places
    except MappingError:
        # A mapping written by hand for an architecture without a table.
        return {}
    labels: dict[str, list[str]] = {}
    for place in places:
        labels.setdefault(place.tensor, []).append(place.slot.label)
    return {tensor: ", ".join(dict.fromkeys(parts)) for tensor, parts in labels.items()}


def _merged(entry: TensorMapping, shape: tuple[int, ...]) -> int:
    return covered_rows(entry.segments, shape) * prod(shape[1:])


def _pattern(name: str) -> str:
    return NUMBER.sub("*", name)


def _donor(entry: TensorMapping) -> str:
    names = dict.fromkeys(_pattern(segment.donor) for segment in entry.segments)
    if len(entry.segments) > SEGMENTS_SHOWN:
        return f"{' + '.join(names)} ({len(entry.segments):,} row ranges)"
    return _pattern(" + ".join(source_of(segment, expert="*") for segment in entry.segments))


def _common(names: list[str]) -> str:
    patterns = list(dict.fromkeys(_pattern(name) for name in names))
    if len(patterns) == 1:
        return patterns[0]
    columns = zip(*(pattern.split(".") for pattern in patterns), strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(dict.fromkeys(column)) == 1, columns)]
    return ".".join([*shared, "*"])


def _head(reason: str) -> str:
    return reason.partition(":")[0]


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
        TensorRow(name, entry.status, _row_donor(entry.segments), entry.reason)
        for name, entry in mapping.tensors.items()
    ]


def _row_donor(segments: Sequence[Segment]) -> str:
    if len(segments) <= RANGES_SHOWN:
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
