"""Weight files that lie: safetensors headers, indices, numbered sets, folders."""

import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostile.kinds import OUT, Kind, Make
from hostile.materials import PAIR, base, donor, entry, header, sparse, toy

MB = 1 << 20
HUGE = 2**62
EMPTY = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}


def _many(count: int, start: bytes = b"{") -> bytes:
    """A header of many empty tensors, as small as can be."""
    entries = (b'"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number for number in range(count))
    return start + b",".join(entries) + b"}"


def _long(length: int) -> bytes:
    return struct.pack("<Q", length)


# What the file holds from its first byte.
FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "seven bytes": lambda: b"\x01" * 7,
    "a length alone": lambda: _long(100),
    "a length of zero": lambda: _long(0) + b"{}",
    "a length of one": lambda: _long(1) + b"{",
    "a length beyond the file": lambda: _long(90 * MB) + b"{}",
    "a length of 2^63": lambda: _long(2**63) + b"{}",
    "a length of 2^64 - 1": lambda: b"\xff" * 8 + b"{}",
    "a list for a header": lambda: header([]),
    "an empty header": lambda: header({}),
    "only metadata": lambda: header({"__metadata__": {}}),
    "metadata of numbers": lambda: header({"__metadata__": {"a": 1}, "a": entry()}, data=8),
    "metadata that is a list": lambda: header({"__metadata__": [], "a": entry()}, data=8),
    "a million metadata": lambda: header(
        b'{"__metadata__":{' + b",".join(b'"%x":""' % n for n in range(1_000_000)) + b'},"a":{}}'
    ),
    "an entry that is a number": lambda: header({"a": 1}),
    "an entry that is null": lambda: header({"a": None}),
    "an entry without dtype": lambda: header({"a": {"shape": [2], "data_offsets": [0, 8]}}, data=8),
    "an entry with more": lambda: header({"a": entry() | {"x": 1}}, data=8),
    "an unknown dtype": lambda: header({"a": entry(dtype="F99")}, data=8),
    "a dtype that is a list": lambda: header({"a": entry(dtype=["F32"])}, data=8),
    "a dtype of a megabyte": lambda: header({"a": entry(dtype="F" * MB)}, data=8),
    "a negative size": lambda: header({"a": entry(shape=[-2])}, data=8),
    "a size that is a float": lambda: header({"a": entry(shape=[2.0])}, data=8),
    "a size that is true": lambda: header({"a": entry(shape=[True], offsets=(0, 4))}, data=4),
    "a size that is text": lambda: header({"a": entry(shape=["2"])}, data=8),
    "a shape that is a number": lambda: header({"a": {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}}),
    "a shape of 2^62": lambda: header({"a": entry(shape=[HUGE])}, data=8),
    "a product beyond all": lambda: header({"a": entry(shape=[HUGE] * 40)}, data=8),
    "a thousand sizes": lambda: header({"a": entry(shape=[1] * 1000 + [2])}, data=8),
    "a million sizes": lambda: header({"a": entry(shape=[HUGE] * 1_000_000)}, data=8),
    "a million zeros": lambda: header({"a": entry(shape=[0] * 1_000_000, offsets=(0, 0))}),
    "a size of 400 digits": lambda: header(
        b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,0]}}' % (b"9" * 400)
    ),
    "a size of 5,000 digits": lambda: header(
        b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,0]}}' % (b"9" * 5000)
    ),
    "offsets that are one": lambda: header({"a": entry(offsets=(0,))}, data=8),
    "offsets the wrong way": lambda: header({"a": entry(offsets=(8, 0))}, data=8),
    "offsets below zero": lambda: header({"a": entry(offsets=(-8, 0))}, data=8),
    "offsets of 2^62": lambda: header({"a": entry(offsets=(HUGE, HUGE + 8))}, data=8),
    "offsets of another length": lambda: header({"a": entry(offsets=(0, 4))}, data=8),
    "half a byte": lambda: header({"a": entry(shape=[1], dtype="F4", offsets=(0, 0))}),
    "a gap": lambda: header({"a": entry(), "b": entry(offsets=(16, 24))}, data=24),
    "an overlap": lambda: header({"a": entry(), "b": entry(offsets=(4, 12))}, data=12),
    "all on one place": lambda: header({f"a{n}": entry() for n in range(1000)}, data=8),
    "data cut off": lambda: header({"a": entry()}, data=7),
    "data too long": lambda: header({"a": entry()}, data=9),
    "a key twice": lambda: header(b'{"a":{},"a":{}}'),
    "100,000 keys, all twice": lambda: header(
        b"{" + b",".join(b'"%x":{}' % (n // 2) for n in range(200_000)) + b"}"
    ),
    "an inner key twice": lambda: header(
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', data=8
    ),
    "a name that is a half character": lambda: header(
        b'{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', data=8
    ),
    "a name of ten megabytes": lambda: header({"n" * (10 * MB): entry(dtype="X")}, data=8),
    "escapes in a name": lambda: header({"\x1b[31mred\x07\x9b": entry(dtype="X")}, data=8),
    "260,000 empty tensors": lambda: header(_many(260_000)),
    "1,500,000 empty tensors": lambda: header(_many(1_500_000)),
    "ninety megabytes of spaces": lambda: header(b'{"a":1' + b" " * (90 * MB) + b"}"),
    "ninety megabytes of brackets": lambda: header(b'{"a":' + b"[" * (90 * MB)),
    "ninety megabytes of lists": lambda: header(b'{"a":[' + b"[]," * (30 * MB) + b"1]}"),
    "ninety megabytes of numbers": lambda: header(
        b'{"a":{"dtype":"U8","shape":[' + b"9," * (45 * MB) + b"1]}}"
    ),
    "not UTF-8": lambda: header(b'{"\xff":1}'),
    "UTF-16": lambda: header('{"a":1}'.encode("utf-16")),
    "NaN": lambda: header(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', data=8),
    "Infinity": lambda: header(b'{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,8]}}', data=8),
    "1e400": lambda: header(b'{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,8]}}', data=8),
    "two documents": lambda: header(b'{"a":1}{"b":1}'),
    "a comment": lambda: header(b'{/* */"a":1}'),
    "nested without end": lambda: header(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a zip file": lambda: b"PK\x03\x04" + b"\0" * 100,
    "a Git LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a web page": lambda: b"<!DOCTYPE html><html></html>",
    "gzip": lambda: b"\x1f\x8b\x08\x00" + b"\0" * 100,
}
ODD = ("a million zeros", "data cut off")


def _of_file(contents: Callable[[], bytes]) -> Make:
    def make(folder: Path) -> Sequence[object]:
        model = toy(folder)
        (model / "model.safetensors").write_bytes(contents())
        return ("inspect", model)

    return make


def _whole(change: Callable[[Path], object], *verb: object) -> Make:
    """A toy changed as a whole; what the change returns is the model, if it returns one."""

    def make(folder: Path) -> Sequence[object]:
        model = toy(folder)
        place = change(model)
        return (*(verb or ("inspect",)), place if isinstance(place, Path) else model)

    return make


def _index(weight_map: Any, **others: Any) -> Make:
    def change(model: Path) -> None:
        (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
        (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map, **others}))

    return _whole(change)


def _files(*names: str, sizes: int = 0) -> Make:
    def change(model: Path) -> None:
        raw = (model / "model.safetensors").read_bytes()
        (model / "model.safetensors").unlink()
        for name in names:
            (model / name).write_bytes(raw)

    return _whole(change)


def _many_files(model: Path) -> None:
    for number in range(25_000):
        os.symlink("config.json", model / f"f{number}")


def _maze(model: Path) -> None:
    """Folders that link to one another: thousands of ways through few of them."""
    for name in "abcdefghij":
        (model / name).mkdir()
    for name in "abcdefghij":
        for other in "abcdefghij":
            (model / name / f"to-{other}").symlink_to(model / other)


def _deep(model: Path) -> None:
    place = model
    for _ in range(60):
        place = place / "d"
        place.mkdir()
    (place / "file.txt").write_text("x")


def _merge_of(change: Callable[[Path], object]) -> Make:
    """A base that is odd besides its weights, merged."""

    def make(folder: Path) -> Sequence[object]:
        model, other = base(folder), donor(folder)
        change(model)
        return ("merge", model, other, "--alpha", 0.3, "--out", OUT)

    return make


def _shards_of_headers(model: Path) -> None:
    """Ten files of eighty megabytes of header each, on a disk that holds none of it."""
    (model / "model.safetensors").unlink()
    for number in range(1, 11):
        text = b'{"a%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number
        text += b" " * (80 * MB - len(text) - 1) + b"}"
        (model / f"model-{number:05d}-of-00010.safetensors").write_bytes(_long(len(text)) + text)


FOLDERS: dict[str, Make] = {
    "an index of nothing": _index({}),
    "an index that is a list": _index([]),
    "an index of numbers": _index({"a": 1}),
    "an index of another file": _index({"a": "other.safetensors"}),
    "an index that leads up": _index({"a": "../model.safetensors"}),
    "an index that leads to /etc": _index({"a": "/etc/passwd"}),
    "an index of no weights": _index({"a": "config.json"}),
    "an index with a NUL": _index({"a": "a\0.safetensors"}),
    "an index of a long name": _index({"a": "n" * 300 + ".safetensors"}),
    "an index of an endless name": _index({"a": "n" * 5_000_000 + ".safetensors"}),
    "an index of 20,000 files": _index({f"a{n}": f"s{n}.safetensors" for n in range(20_000)}),
    "an index of 300,000 tensors": _index(
        {f"a{n}": "model-00001-of-00001.safetensors" for n in range(300_000)}
    ),
    "an index of 9,000 lost files": _index({f"a{n}": f"s{n}.safetensors" for n in range(9_000)}),
    "an index of 5,000 digits": _index({"a": "model-" + "9" * 5000 + ".safetensors"}),
    "an index of odd digits": _index({"a": "model-²-of-³.safetensors"}),
    "an index with a half character": _index({"a": "\ud800.safetensors"}),
    "an index of a tensor that is not there": _index({"b": "model-00001-of-00001.safetensors"}),
    "a set of 99999999999": _files("model-00001-of-99999999999.safetensors"),
    "a set of 200 digits": _files(f"model-00001-of-{'9' * 200}.safetensors"),
    "a set numbered in 200 digits": _files(f"model-{'9' * 200}-of-00002.safetensors"),
    "a set of none": _files("model-00001-of-00000.safetensors"),
    "a set numbered from zero": _files("model-00000-of-00001.safetensors"),
    "a set of Arabic digits": _files("model-٠٠٠٠١-of-٠٠٠٠٢.safetensors"),
    "two of one number": _files("model-1-of-00002.safetensors", "model-00001-of-00002.safetensors"),
    "two sets": _files("model-00001-of-00001.safetensors", "x-00001-of-00001.safetensors"),
    "the same tensors twice": _files("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    "25,000 files": _whole(_many_files),
    "ten headers of 80 MB": _whole(_shards_of_headers),
    "weights that are a folder": _whole(
        lambda model: [(model / "model.safetensors").unlink(), (model / "model.safetensors").mkdir()]
    ),
    "weights that are a pipe": _whole(
        lambda model: [(model / "model.safetensors").unlink(), os.mkfifo(model / "model.safetensors")]
    ),
    "weights that are /dev/zero": _whole(
        lambda model: [
            (model / "model.safetensors").unlink(),
            (model / "model.safetensors").symlink_to("/dev/zero"),
        ]
    ),
    "weights outside": _whole(
        lambda model: [
            (model / "model.safetensors").rename(model.parent / "elsewhere.safetensors"),
            (model / "model.safetensors").symlink_to(model.parent / "elsewhere.safetensors"),
        ]
    ),
    "weights that link to themselves": _whole(
        lambda model: [
            (model / "model.safetensors").unlink(),
            (model / "model.safetensors").symlink_to("model.safetensors"),
        ]
    ),
    "a model that is a file": _whole(lambda model: model / "config.json"),
    "a model that is a pipe": _whole(lambda model: [os.mkfifo(model / "pipe"), model / "pipe"][1]),
    "a model that is a device": _whole(lambda model: Path("/dev/zero")),
    "a model of 5,000 letters": _whole(lambda model: Path("m" * 5000)),
    "a model with a NUL": _whole(lambda model: Path("a\0b")),
    "a terabyte of zeros": _whole(lambda model: sparse(model / "model.safetensors", 1 << 40)),
}
MERGED: dict[str, Make] = {
    "a companion of 40 GB": _merge_of(lambda model: sparse(model / "notes.txt", 40 << 30)),
    "a thousand companions of 1 GB": _merge_of(
        lambda model: [sparse(model / f"notes{n}.txt", 1 << 30) for n in range(1000)]
    ),
    "a companion that is a pipe": _merge_of(lambda model: os.mkfifo(model / "notes.txt")),
    "a companion that is a device": _merge_of(lambda model: (model / "notes.txt").symlink_to("/dev/zero")),
    "a companion outside": _merge_of(lambda model: (model / "notes.txt").symlink_to("/etc/passwd")),
    "a companion to nothing": _merge_of(lambda model: (model / "notes.txt").symlink_to("nowhere")),
    "a companion to itself": _merge_of(lambda model: (model / "notes.txt").symlink_to("notes.txt")),
    "a maze of links": _merge_of(_maze),
    "folders sixty deep": _merge_of(_deep),
    "a card of 40 GB": _merge_of(lambda model: sparse(model / "README.md", 40 << 30)),
    "a card that is a pipe": _merge_of(
        lambda model: [(model / "README.md").unlink(), os.mkfifo(model / "README.md")]
    ),
    "a card of aliases": _merge_of(
        lambda model: (model / "README.md").write_text(
            "---\na: &a [x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{n}: &{n} [{', '.join([f'*{b}'] * 8)}]\n"
                for b, n in zip("abcdefghi", "bcdefghij", strict=True)
            )
            + "license: *j\n---\n"
        )
    ),
    "a card of brackets": _merge_of(
        lambda model: (model / "README.md").write_text("---\nlicense: " + "[" * 100_000 + "\n---\n")
    ),
    "a licence that is a tag": _merge_of(
        lambda model: (model / "README.md").write_text(
            "---\nlicense: !!python/object/apply:os.system [id]\n---\n"
        )
    ),
    "a licence of 5,000 digits": _merge_of(
        lambda model: (model / "README.md").write_text(f"---\nlicense: {'9' * 5000}\n---\n")
    ),
    "NaN in the base": _merge_of(lambda model: _poison(model, b"\x00\x00\xc0\x7f")),
}
HARMLESS = (
    "a card of 40 GB",
    "a card that is a pipe",
    "a card of aliases",
    "a card of brackets",
    "a licence that is a tag",
    "a licence of 5,000 digits",
)


def _poison(model: Path, value: bytes) -> None:
    """One value of a tensor becomes what it must not be."""
    file = model / "model.safetensors"
    raw = bytearray(file.read_bytes())
    length = int.from_bytes(raw[:8], "little")
    entries = json.loads(raw[8 : 8 + length])
    for name, about in entries.items():
        if "mlp.up_proj" in name and about["dtype"] in ("F32", "BF16", "F16"):
            size = {"F32": 4, "BF16": 2, "F16": 2}[about["dtype"]]
            start = 8 + length + about["data_offsets"][0]
            raw[start : start + size] = {4: value, 2: b"\xff\x7f"}[size]
    file.write_bytes(raw)


def kinds() -> Iterator[Kind]:
    yield Kind("header/SOUND", _of_file(lambda: header({"a": entry()}, data=8)), sound=True)
    yield Kind("files/SOUND", _index({"a": "model-00001-of-00001.safetensors"}), sound=True)
    yield Kind("merged/SOUND", _merge_of(lambda model: (model / "notes.txt").write_text("hello")), sound=True)
    for name, contents in FILES.items():
        yield Kind(f"header/{name}", _of_file(contents), harmless=name in ODD)
    for name, make in FOLDERS.items():
        yield Kind(f"files/{name}", make, harmless=name == "a set of Arabic digits")
    for name, make in MERGED.items():
        yield Kind(f"merged/{name}", make, harmless=name in HARMLESS)


assert PAIR
