"""Records from parquet files, as hubs keep data sets; pictures stay in their files until they are wanted.

pyarrow comes with `adamms[datasets]`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from adamms.checkpoints.limits import ROWS, TEXT
from adamms.checkpoints.local_files import open_regular
from adamms.errors import SearchError, require_packages
from adamms.responses.inputs.media import Embedded
from adamms.responses.inputs.problems import ProblemError
from adamms.responses.inputs.records import Record, Records
from adamms.responses.inputs.source import InputSource

GROUPS_HELD = 2
"""Row groups whose pictures are in memory at once."""
BATCH = 64
"""Rows whose texts are unfolded at once."""


def read_parquet(paths: Sequence[Path], source: InputSource) -> Records:
    """The rows of parquet files, one after the other.

    Args:
        paths: the files; where a split is asked for, those that are called by it.
        source: what the user said of columns and the split.

    Raises:
        SearchError: a file is damaged, or none is of the split.
    """
    require_packages("pyarrow")
    import pyarrow
    from pyarrow import parquet

    named = [path for path in paths if source.split is None or path.name.startswith(source.split)]
    if not named:
        raise SearchError(f"No parquet file in {source.name} is called by the split {source.split!r}.")
    try:
        for path in named:
            # A pipe of that name would be waited for.
            open_regular(path).close()
        files = [parquet.ParquetFile(path) for path in named]
    except (pyarrow.ArrowException, OSError) as error:
        why = getattr(error, "strerror", None) or _first(error)
        raise SearchError(f"{source.name} is no parquet file that can be read: {why}.") from None
    if (rows := sum(file.metadata.num_rows for file in files)) > ROWS:
        raise SearchError(
            f"{source.name} holds {rows:,} rows, and inputs are {ROWS:,} at most; name a part of it."
        )
    return Records("parquet", _rows(files), named[0].parent, at_hand=False)


def _rows(files: Sequence[Any]) -> Iterator[Record | tuple[str, ProblemError]]:
    import pyarrow

    number, size = 0, 0
    for file in files:
        heavy = [field.name for field in file.schema_arrow if _is_heavy(field.type)]
        light = [field.name for field in file.schema_arrow if field.name not in heavy]
        group_of = lru_cache(maxsize=GROUPS_HELD)(partial(_columns, file, tuple(heavy)))
        for group in range(file.num_row_groups):
            at = 0
            try:
                for size_of_batch, batch in _batches(file, group, light):
                    size += size_of_batch
                    if size > TEXT:
                        message = f"all before hold more than {TEXT >> 20} MB of text: name a part of them"
                        yield f"row {number + 1}", ProblemError(message)
                        return
                    for values in batch:
                        number += 1
                        pictures = {name: _lazily(group_of, group, name, at) for name in heavy}
                        yield Record(f"row {number}", number, {**values, **pictures})
                        at += 1
            except (pyarrow.ArrowException, OSError) as error:
                yield f"row {number + 1}", ProblemError(f"the file is damaged ({_first(error)})")
                return


def _batches(file: Any, group: int, light: list[str]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Some rows of a group at a time, with the bytes that they take: a value said often unfolds here."""
    if not light:
        yield 0, [{} for _ in range(file.metadata.row_group(group).num_rows)]
        return
    for batch in file.iter_batches(batch_size=BATCH, row_groups=[group], columns=light):
        # Beyond all bounds it is not turned into texts, only told.
        size = sum(_unfolded(column) for column in batch.columns)
        yield size, batch.to_pylist() if size <= TEXT else []


def _unfolded(column: Any) -> int:
    """Bytes of a column whose rows may share their texts in a dictionary, each with a text of its own."""
    from pyarrow import compute, types

    if not types.is_dictionary(column.type):
        return int(column.nbytes)
    texts = column.dictionary
    if not (types.is_string(texts.type) or types.is_large_string(texts.type)):
        return int(texts.nbytes) * len(column)
    return int(compute.sum(compute.binary_length(texts).take(column.indices)).as_py() or 0)


def _columns(file: Any, names: tuple[str, ...], group: int) -> Any:
    return file.read_row_group(group, columns=list(names))


def _lazily(group_of: Callable[[int], Any], group: int, name: str, at: int) -> Any:
    """A cell of pictures, read when one of them is."""
    column = group_of(group).column(name)
    value = column[at]
    if not value.is_valid:
        return None
    if value.type.__class__.__name__ in ("ListType", "LargeListType"):
        return [_embedded(group_of, group, name, at, inner) for inner in range(len(value.values))]
    return _embedded(group_of, group, name, at, None)


def _embedded(
    group_of: Callable[[int], Any], group: int, name: str, at: int, inner: int | None
) -> Embedded | str:
    def cell() -> Any:
        value = group_of(group).column(name)[at]
        return value if inner is None else value.values[inner]

    # A picture that lies beside the file, and not in it.
    scalar = cell()
    if hasattr(scalar, "keys") and not scalar["bytes"].is_valid:
        return str(scalar["path"].as_py() or "")

    def read() -> bytes:
        value = cell()
        return bytes((value["bytes"] if hasattr(value, "keys") else value).as_py())

    return Embedded(read)


def _is_heavy(kind: Any) -> bool:
    """Whether a column holds files: bytes, or `{bytes, path}` as `datasets` has it, or lists of them."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _is_heavy(kind.value_type)
    if types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(at).name for at in range(kind.num_fields)}
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
