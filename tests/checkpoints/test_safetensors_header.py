"""The header parser against safetensors' own reader, on random good files and random bad ones."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.safetensors_header import read_header
from adamms.checkpoints.tensor_info import DTYPE_BITS
from adamms.errors import CheckpointError

WHOLE_BYTES = sorted(dtype for dtype, bits in DTYPE_BITS.items() if bits % 8 == 0)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: name != "__metadata__"
)
shapes = st.lists(st.integers(0, 5), max_size=3)
layouts = st.dictionaries(names, st.tuples(st.sampled_from(WHOLE_BYTES), shapes), max_size=6)


def header_of(layout: dict[str, tuple[str, list[int]]]) -> dict[str, Any]:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (dtype, shape) in layout.items():
        size = DTYPE_BITS[dtype] // 8
        for dimension in shape:
            size *= dimension
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + size]}
        position += size
    return entries


def file_of(entries: object, *, data: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    if data is None and isinstance(entries, dict):
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        data = max(ends, default=0)
    return struct.pack("<Q", len(text)) + text + bytes(range(256)) * ((data or 0) // 256 + 1)


def parse(raw: bytes) -> Any:
    def read(start: int, length: int) -> bytes:
        return raw[start : start + length]

    return read_header(read, shard="x.safetensors", size=len(raw))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layouts)
def test_random_valid_headers_read_as_safetensors_reads_them(
    tmp_path: Path, layout: dict[str, tuple[str, list[int]]]
) -> None:
    entries = header_of(layout)
    end = max((entry["data_offsets"][1] for name, entry in entries.items() if name in layout), default=0)
    text = json.dumps(entries).encode()
    raw = struct.pack("<Q", len(text)) + text + bytes(end)
    header = parse(raw)
    path = tmp_path / "x.safetensors"
    path.write_bytes(raw)
    with safe_open(path, framework="np") as theirs:
        assert sorted(info.name for info in header.tensors) == sorted(theirs.keys())
        for info in header.tensors:
            view = theirs.get_slice(info.name)
            assert (list(info.shape), info.dtype) == (view.get_shape(), view.get_dtype())
        assert header.metadata == theirs.metadata()
    assert header.file_size == len(raw)
    for info in header.tensors:
        assert info.offset == 8 + len(text) + entries[info.name]["data_offsets"][0]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layouts.filter(bool), st.data())
def test_random_corruptions_are_refused_in_one_sentence_or_harmless(
    tmp_path: Path, layout: dict[str, tuple[str, list[int]]], data: st.DataObject
) -> None:
    entries = header_of(layout)
    text = json.dumps(entries).encode()
    end = max(entry["data_offsets"][1] for name, entry in entries.items() if name in layout)
    raw = bytearray(struct.pack("<Q", len(text)) + text + bytes(end))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        header = parse(bytes(raw))
    except CheckpointError as error:
        assert "\n" not in str(error)
        return
    # What we accept with all of its data, safetensors accepts as well.
    if header.file_size == len(raw):
        path = tmp_path / "x.safetensors"
        path.write_bytes(raw)
        try:
            with safe_open(path, framework="np") as theirs:
                assert sorted(theirs.keys()) == sorted(info.name for info in header.tensors)
        except SafetensorError as error:
            pytest.fail(f"safetensors refuses what we accept: {error}")


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_random_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(CheckpointError):
        parse(raw)


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"a": entry(), "b": entry(offsets=[4, 12])}, "'b' .* overlaps 'a'"),
        ({"a": entry(), "b": entry(offsets=[12, 20])}, "leaves a gap after 'a'"),
        ({"a": entry(offsets=[8, 16])}, "leaves a gap after the header"),
        ({"a": entry(offsets=[0, 12])}, "takes 8 bytes, but its data_offsets span 12"),
        ({"a": entry(offsets=[8, 0])}, "not a begin and an end"),
        ({"a": entry(offsets=[-8, 0])}, "not a begin and an end"),
        ({"a": entry(offsets=[0.0, 8.0])}, "not a begin and an end"),
        ({"a": entry(dtype="F33")}, "dtype 'F33' is unknown"),
        ({"a": entry(dtype=["F32"])}, "unknown"),
        ({"a": entry(shape=[-2])}, "not a list of sizes"),
        ({"a": entry(shape=[True, 2])}, "not a list of sizes"),
        ({"a": entry(shape="2")}, "not a list of sizes"),
        ({"a": entry(dtype="F4", shape=[3], offsets=[0, 1])}, "whole bytes"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "dtype, shape and data_offsets"),
        ({"a": [1]}, "dtype, shape and data_offsets"),
        ({"__metadata__": {"format": 1}}, "__metadata__"),
        ({"__metadata__": "pt"}, "__metadata__"),
        (b'["a"]', "a JSON object"),
        (b'{"a": }', "not valid JSON"),
        (b"{\xff\xfe}", "not valid JSON"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'{"\\ud800": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', "not valid Unicode"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b'{"a": {"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,1]}}', "not valid JSON"),
    ],
)
def test_each_lie_is_told(entries: object, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        parse(file_of(entries, data=0))


def test_a_file_longer_than_its_header_accounts_for_is_refused() -> None:
    raw = file_of({"a": entry()}, data=0)
    with pytest.raises(CheckpointError, match="accounts for"):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "too short"),
        (b"\x08\0\0\0", "too short"),
        (struct.pack("<Q", 100) + b'{"a": ', "cut off"),
        (struct.pack("<Q", 1 << 40) + b"{}", "does not begin with a length"),
        (struct.pack("<Q", 4) + b" {} ", "does not begin with a length"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(60), "PyTorch file"),
        (b"<!DOCTYPE html><html>", "web page"),
    ],
)
def test_files_of_other_kinds_are_recognised(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(raw)
    with pytest.raises(CheckpointError, match=said) as caught:
        Checkpoint.open(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "model.safetensors" in str(caught.value)
