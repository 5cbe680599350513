"""JSON of strangers: what unfolds, nests or counts beyond all bounds is a ValueError before it hurts."""

from pathlib import Path

import pytest

from adamms.checkpoints.json_files import parse_json, read_json

MB = 1 << 20


def test_what_a_document_says() -> None:
    assert parse_json(b'{"a": [1, -2.5, "\\u00e9"]}') == {"a": [1, -2.5, "é"]}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 301 + b"}", "a number of 301 digits"),
        (b"[" + b"[]," * (12 * MB // 3) + b"1]", "would take more than"),
        (b"[" + b"1," * (16 * MB // 2) + b"1]", "would take more than"),
        (b"\xff", "decode"),
        (b"", "Expecting value"),
    ],
    ids=("deep", "digits", "lists", "numbers", "bytes", "nothing"),
)
def test_what_is_out_of_bounds_is_a_value_error(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_json(raw)


def test_a_long_text_is_no_bomb() -> None:
    assert len(parse_json(b'"' + b"a" * (20 * MB) + b'"')) == 20 * MB


def test_a_number_of_three_hundred_digits_is_one() -> None:
    assert parse_json(b"9" * 300) == 10**300 - 1


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'{"a": "' + b"b" * 2000 + b'"}')
    assert read_json(file, limit=3 << 10) == {"a": "b" * 2000}
    with pytest.raises(OSError, match="no file of its kind has more than 1 kB"):
        read_json(file, limit=1 << 10)
