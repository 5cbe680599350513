"""Spreadsheets that would unfold to gigabytes are told before they are unpacked."""

import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from adamms.errors import SearchError
from adamms.responses import spreadsheets
from adamms.responses.spreadsheets import sheet_rows


def sheet(path: Path, *rows: tuple[object, ...]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_rows_by_the_names_in_the_first(tmp_path: Path) -> None:
    file = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "yes"), (2, None))
    assert list(sheet_rows(file)) == [
        (2, {"index": 1, "prediction": "yes"}),
        (3, {"index": 2, "prediction": None}),
    ]


def test_a_sheet_that_unfolds_to_gigabytes(tmp_path: Path) -> None:
    file = sheet(tmp_path / "a.xlsx", ("index", "prediction"))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", b" " * (20 << 20))
    assert file.stat().st_size < 100_000
    with pytest.raises(SearchError, match="would unfold to 20 MB"):
        list(sheet_rows(file))


def test_a_sheet_packed_in_another_way(tmp_path: Path) -> None:
    file = sheet(tmp_path / "a.xlsx", ("index", "prediction"))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/more.xml", b" ")
    with pytest.raises(SearchError, match="packed in a way that spreadsheets are not"):
        list(sheet_rows(file))


def test_cells_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "CELLS", 10)
    file = sheet(tmp_path / "a.xlsx", ("index", "prediction"), *[(n, "a") for n in range(5)])
    with pytest.raises(SearchError, match="or 10 cells"):
        list(sheet_rows(file))
