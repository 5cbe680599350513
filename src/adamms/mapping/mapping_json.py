"""A mapping's tensors as JSON and back: the contract of `adamms map --json`, which a person may edit.

Rows and columns are `[start, stop]`, half-open; absent ones mean all. An expert is the number of a matrix in
a stack. Reading checks the form only and collects every problem; whether it fits two checkpoints is asked
elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, get_args

from adamms.errors import did_you_mean
from adamms.mapping.segments import Segment, Status, TensorMapping
from adamms.mapping.slots import Rows

TENSOR_KEYS = ("status", "reason", "segments")


def tensors_to_json(tensors: Mapping[str, TensorMapping]) -> dict[str, Any]:
    """Every base tensor's status, reason and segments."""
    return {
        name: {
            "status": entry.status,
            "reason": entry.reason,
            "segments": [_segment_to_json(segment) for segment in entry.segments],
        }
        for name, entry in tensors.items()
    }


def _segment_to_json(segment: Segment) -> dict[str, Any]:
    data = {key: value for key, value in asdict(segment).items() if value is not None and value is not False}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


class MappingReader:
    """Reads the parts of one JSON document and collects what is wrong in `problems`."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def tensors(self, data: object) -> dict[str, TensorMapping]:
        """Every tensor's entry; a missing status follows from whether there are segments."""
        return {name: self._tensor(name, entry) for name, entry in self.table("tensors", data).items()}

    def table(self, where: str, data: object) -> dict[str, Any]:
        """A JSON object, empty and complained about if it is none."""
        if isinstance(data, dict):
            return data
        self.problems.append(f"{where}: expected a JSON object, found {type(data).__name__}.")
        return {}

    def known(self, where: str, data: Mapping[str, Any], keys: Iterable[str]) -> None:
        """Complain about keys that are none of these."""
        for key in data:
            if key not in keys:
                self.problems.append(
                    f"{where}: unknown key {key!r}.{did_you_mean(key, keys)} It has: {', '.join(keys)}."
                )

    def text(self, where: str, data: object) -> str:
        """A string, empty and complained about if it is none."""
        if isinstance(data, str):
            return data
        self.problems.append(f"{where}: expected a string, found {data!r}.")
        return ""

    def list(self, where: str, data: object) -> list[Any]:
        """A JSON array, empty and complained about if it is none."""
        if isinstance(data, list):
            return data
        self.problems.append(f"{where}: expected a list, found {data!r}.")
        return []

    def _tensor(self, name: str, data: object) -> TensorMapping:
        entry = self.table(name, data)
        self.known(name, entry, TENSOR_KEYS)
        listed = self.list(f"{name}, segments", entry.get("segments", []))
        segments = tuple(self._segment(name, item) for item in listed)
        status = entry.get("status", "merged" if segments else "kept")
        if status not in get_args(Status):
            self.problems.append(f"{name}: {status!r} is not a status ({', '.join(get_args(Status))}).")
        if status == "kept" and segments:
            self.problems.append(f"{name}: it says kept and has segments; remove the one or the other.")
        return TensorMapping(status, self.text(f"{name}, reason", entry.get("reason", "")), segments)

    def _segment(self, name: str, data: object) -> Segment:
        entry = self.table(f"{name}, segment", data)
        for key in entry:
            if key not in Segment.__dataclass_fields__:
                known = Segment.__dataclass_fields__
                self.problems.append(
                    f"{name}: a segment has {', '.join(known)}, not {key!r}.{did_you_mean(key, known)}"
                )
        return Segment(
            donor=self.text(f"{name}, donor", entry.get("donor")),
            donor_rows=self._rows(f"{name}, donor_rows", entry.get("donor_rows")),
            base_rows=self._rows(f"{name}, base_rows", entry.get("base_rows")),
            donor_expert=self._expert(f"{name}, donor_expert", entry.get("donor_expert")),
            base_expert=self._expert(f"{name}, base_expert", entry.get("base_expert")),
            donor_columns=self._rows(f"{name}, donor_columns", entry.get("donor_columns")),
            base_columns=self._rows(f"{name}, base_columns", entry.get("base_columns")),
            transpose=self._flag(f"{name}, transpose", entry.get("transpose", False)),
        )

    def _expert(self, where: str, data: object) -> int | None:
        if data is None or (type(data) is int and data >= 0):
            return data
        self.problems.append(f"{where}: expected the number of an expert, found {data!r}.")
        return None

    def _flag(self, where: str, data: object) -> bool:
        if not isinstance(data, bool):
            self.problems.append(f"{where}: expected true or false, found {data!r}.")
        return data is True

    def _rows(self, where: str, data: object) -> Rows | None:
        if data is None:
            return None
        if isinstance(data, list) and [type(row) for row in data] == [int, int] and data[0] < data[1]:
            return (data[0], data[1])
        self.problems.append(f"{where}: expected [start, stop] with start < stop, found {data!r}.")
        return None
