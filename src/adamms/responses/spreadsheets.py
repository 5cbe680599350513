"""The rows of a spreadsheet's first sheet, within bounds: a small file may unfold to gigabytes.

An xlsx file is a zip archive of XML. What it would unfold to is asked before anything is unpacked; how many
rows and columns a sheet says that it has is not believed.
"""

import zipfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from adamms.checkpoints.limits import CELLS, MB, ROWS, SPREADSHEET
from adamms.errors import SearchError

PARTS = 1000
"""Files in the archive."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What spreadsheets are packed with; others unfold without asking how far."""


def sheet_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered rows of the first sheet, by the names in its first row.

    Raises:
        SearchError: it is no spreadsheet, or one that no harness writes.
    """
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError:
        raise SearchError(
            f"{file} is a spreadsheet, and openpyxl is not installed: `pip install openpyxl`, or have "
            "VLMEvalKit write PRED_FORMAT=tsv."
        ) from None
    try:
        with zipfile.ZipFile(file) as archive:
            _require_small(archive.infolist(), file)
        book = load_workbook(file, read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            yield from _named(sheet.iter_rows(values_only=True), file)
        finally:
            book.close()
    except (SearchError, OSError):
        raise
    except Exception as error:  # a damaged one makes the reader of XML and openpyxl raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise SearchError(f"The predictions {file} are no spreadsheet: {reason}.") from None


def _named(rows: Iterator[tuple[Any, ...]], file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    cells = 0
    header: list[str] = []
    for number, row in enumerate(rows, start=1):
        cells += len(row) + 1
        if number > ROWS or cells > CELLS:
            raise SearchError(
                f"{file} has more than {ROWS:,} rows or {CELLS:,} cells, which no harness writes; save its "
                "predictions as tsv."
            )
        if number == 1:
            header = [str(name) for name in row]
        else:
            # A row ends with its last cell that holds something.
            yield number, dict(zip_longest(header, row[: len(header)]))


def _require_small(parts: list[zipfile.ZipInfo], file: Path) -> None:
    size = sum(part.file_size for part in parts)
    if size > SPREADSHEET or len(parts) > PARTS:
        raise SearchError(
            f"{file} would unfold to {size / MB:,.0f} MB in {len(parts)} parts, and no harness writes more "
            f"than {SPREADSHEET // MB} MB; save its predictions as tsv."
        )
    if any(part.compress_type not in METHODS for part in parts):
        raise SearchError(
            f"{file} is packed in a way that spreadsheets are not; save its predictions as tsv."
        )
