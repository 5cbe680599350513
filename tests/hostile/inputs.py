"""Inputs of every form that lie: their pictures, their tables, their folders, met by `inputs`."""

import base64
import io
import json
import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostile.kinds import Kind, Make
from hostile.materials import PAIR, sparse

MB = 1 << 20
PROMPT = {"prompt": "What is this?"}
PICTURE = PAIR.inputs.parent / "images" / "price-001.png"


def _lines(*records: Any) -> Make:
    """Lines of JSON; a record of bytes is a line as it is."""

    def make(folder: Path) -> Sequence[object]:
        lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
        (folder / "inputs.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return ("inputs", folder / "inputs.jsonl")

    return make


def _image(value: Any) -> Make:
    return _lines(PROMPT | {"image": value})


def _picture(contents: Callable[[], bytes], name: str = "a.png") -> Make:
    """A picture file of these contents, and an input that shows it."""

    def make(folder: Path) -> Sequence[object]:
        (folder / name).write_bytes(contents())
        (folder / "inputs.jsonl").write_text(json.dumps(PROMPT | {"image": name}))
        return ("inputs", folder / "inputs.jsonl")

    return make


def _place(create: Callable[[Path], object]) -> Make:
    """Something beside the inputs that is called a picture and is none."""

    def make(folder: Path) -> Sequence[object]:
        create(folder / "a.png")
        (folder / "inputs.jsonl").write_text(json.dumps(PROMPT | {"image": "a.png"}))
        return ("inputs", folder / "inputs.jsonl")

    return make


def _file(name: str, contents: bytes | Callable[[], bytes], *options: object) -> Make:
    def make(folder: Path) -> Sequence[object]:
        (folder / name).write_bytes(contents() if callable(contents) else contents)
        return ("inputs", folder / name, *options)

    return make


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes, data: bytes | None = None) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = zlib.compress(b"\0" * 100) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _tiff(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", following)


def _gif(frames: int) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x44\x34\x05\x00"
    return head + frame * frames + b";"


def _bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def _socket(path: Path) -> None:
    place = os.getcwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(place)


IMAGES: dict[str, Make] = {
    "a number": _image(7),
    "true": _image(True),
    "a table of nothing": _image({"a": 1}),
    "a table in tables": _image({"image": {"image": {"image": {"image": 1}}}}),
    "tables 500 deep": _lines(
        b'{"prompt":"a","image":' + b'{"image":' * 500 + b'"a.png"' + b"}" * 500 + b"}"
    ),
    "lists in lists": _image([[["a.png"]]]),
    "100,000 of one input": _image(["a.png"] * 100_000),
    "half of them null": _image(["a.png", None, "b.png"]),
    "escapes": _image("\x1b[31m\x07\x9b.png"),
    "line ends": _image("a\r\nb\x85\u2028.png"),
    "a NUL": _image("a\0.png"),
    "half a character": _lines(b'{"prompt":"a","image":"\\ud800.png"}'),
    "right to left": _image("\u202egnp.a"),
    "5,000 letters": _image("a" * 5000),
    "a name of 300 letters": _image("a b" * 100 + ".png"),
    "dots without end": _image("../" * 1300 + "etc/passwd"),
    "/etc/passwd": _image("/etc/passwd"),
    "/dev/zero": _image("/dev/zero"),
    "/dev/stdin": _image("/dev/stdin"),
    "/dev/fd/0": _image("/dev/fd/0"),
    "/proc/self/mem": _image("/proc/self/mem"),
    "/proc/self/pagemap": _image("/proc/self/pagemap"),
    "/proc/kmsg": _image("/proc/kmsg"),
    "somebody's home": _image("~root/a.png"),
    "a variable": _image("$HOME/a.png"),
    "a web address": _image("https://example.com/a.png"),
    "an address of another kind": _image("ftp://example.com/a.png"),
    "a share": _image("\\\\server\\share\\a.png"),
    "a file of a host": _image("file://example.com/a.png"),
    "a file of a NUL": _image("file:///%00"),
    "a file of escapes": _image("file:///%1b%5b31m.png"),
    "a file of half UTF-8": _image("file:///%ff%fe.png"),
    "an address of brackets": _image("file://[/a.png"),
    "data of nothing": _image("data:"),
    "data that is no base64": _image("data:image/png;base64,!!!!"),
    "data of a page": _image("data:text/html;base64,PGh0bWw+"),
    "data of a strange kind": _image("data:image/../../x;base64,aGVsbG8="),
    "data of 100 MB": _lines(
        b'{"prompt":"a","image":"data:image/png;base64,' + b"A" * (100 * MB) + b'"}'
    ),
    "base64 of a picture cut off": _image(base64.b64encode(PICTURE.read_bytes()).decode()[:200]),
    "base64 of a bomb": _lines(
        PROMPT | {"image": base64.b64encode(_png(60_000, 60_000)).decode()}
    ),
}  # fmt: skip
FILES: dict[str, Make] = {
    "nothing": _picture(lambda: b""),
    "60,000 by 60,000": _picture(lambda: _png(60_000, 60_000)),
    "2^31 by 2^31": _picture(lambda: _png(2**31 - 1, 2**31 - 1)),
    "nothing by one": _picture(lambda: _png(0, 1)),
    "a profile that unfolds": _picture(
        lambda: _png(2, 2, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(600 * MB))))
    ),
    "a text that unfolds": _picture(
        lambda: _png(2, 2, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(600 * MB))))
    ),
    "a thousand texts that unfold": _picture(
        lambda: _png(2, 2, *[_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))] * 1000)
    ),
    "an international text that unfolds": _picture(
        lambda: _png(2, 2, _chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(600 * MB))))
    ),
    "pixels that unfold": _picture(lambda: _png(2, 2, data=zlib.compress(bytes(600 * MB)))),
    "a chunk of 2^31": _picture(lambda: _png(2, 2)[:33] + struct.pack(">I", 2**31 - 1) + b"zTXt"),
    "a wrong checksum": _picture(lambda: _png(2, 2).replace(b"IDAT", b"IDAX")),
    "frames without end": _picture(
        lambda: _png(2, 2, _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    ),
    "300,000 frames": _picture(lambda: _gif(300_000), "a.gif"),
    "a GIF of 65,535 squared": _picture(
        lambda: b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x03\x44\x34\x05\0;",
        "a.gif",
    ),
    "a TIFF in a circle": _picture(lambda: _tiff([(256, 3, 1, 2), (257, 3, 1, 2)], following=8), "a.tif"),
    "a TIFF of 2^32 strips": _picture(
        lambda: _tiff([(256, 4, 1, 2**31), (257, 4, 1, 2**31), (273, 4, 2**32 - 1, 0)]), "a.tif"
    ),
    "a TIFF of fractions by zero": _picture(
        lambda: _tiff([(256, 3, 1, 2), (257, 3, 1, 2), (282, 5, 1, 0)]), "a.tif"
    ),
    "a BMP below zero": _picture(lambda: _bmp(-5, -(2**31)), "a.bmp"),
    "a BMP of 2^31": _picture(lambda: _bmp(2**31 - 1, 2**31 - 1), "a.bmp"),
    "PostScript": _picture(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "PDF": _picture(lambda: b"%PDF-1.7\n1 0 obj\n"),
    "SVG": _picture(lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "an icon of 65,535": _picture(lambda: struct.pack("<HHH", 0, 1, 65_535) + bytes(64), "a.ico"),
    "a PPM of 400 digits": _picture(lambda: b"P6 " + b"9" * 400 + b" 1 255\n", "a.ppm"),
    "a PPM of 2^30": _picture(lambda: b"P6 1073741824 1073741824 255\n", "a.ppm"),
    "a JPEG cut off": _picture(lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF", "a.jpg"),
    "a WebP of 4 GB": _picture(lambda: b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", "a.webp"),
    "40 GB": _place(lambda path: sparse(path, 40 << 30, b"\x89PNG\r\n\x1a\n")),
    "a socket": _place(_socket),
    "a pipe": _place(lambda path: os.mkfifo(path)),
    "a folder": _place(lambda path: path.mkdir()),
    "a link to itself": _place(lambda path: path.symlink_to("a.png")),
    "a link to /dev/urandom": _place(lambda path: path.symlink_to("/dev/urandom")),
    "a link to the terminal": _place(lambda path: path.symlink_to("/dev/tty")),
}  # fmt: skip
RECORDS: dict[str, Make] = {
    "a prompt that is a number": _lines({"prompt": 7}),
    "a prompt that is a list": _lines({"prompt": ["a", 1]}),
    "a prompt of nothing": _lines({"prompt": ""}),
    "a prompt of ten megabytes": _lines({"prompt": "a" * (10 * MB)}),
    "a prompt of half a character": _lines(b'{"prompt":"\\ud800"}'),
    "a prompt of escapes": _lines({"prompt": "\x1b[31m\x1b]0;title\x07\x9b2J"}),
    "a prompt of a NUL": _lines({"prompt": "a\0b"}),
    "a prompt of 50,000 places": _lines({"prompt": "<image>" * 50_000}),
    "an id that is null": _lines({"prompt": "a", "id": None}),
    "an id that is a table": _lines({"prompt": "a", "id": {"a": 1}}),
    "an id of escapes": _lines({"prompt": "a", "id": "\x1b[31m\x07"}),
    "an id of a megabyte, twice": _lines(*[{"prompt": "a", "id": "i" * MB}] * 2),
    "an id of 5,000 digits": _lines(b'{"prompt":"a","id":' + b"9" * 5000 + b"}"),
    "an id NaN": _lines(b'{"prompt":"a","id":NaN}'),
    "an id that leads up": _lines({"prompt": "a", "id": "../../../x"}),
    "an answer of a table": _lines({"prompt": "a", "answer": {"a": [1]}}),
    "an answer of escapes": _lines({"prompt": "a", "answer": "\x1b[31m"}),
    "a sound of nothing": _lines({"prompt": "a", "audio": "nowhere.wav"}),
    "a sound of escapes": _lines({"prompt": "a", "audio": "\x1b[31m.wav"}),
    "a sound on /dev/zero": _lines({"prompt": "a", "audio": "/dev/zero"}),
    "a sound of a table": _lines({"prompt": "a", "audio": {"array": [0.0], "sampling_rate": 0}}),
    "a video on /dev/zero": _lines({"prompt": "a", "video": "/dev/zero"}),
    "a video of a number": _lines({"prompt": "a", "video": 5}),
    "two inputs on a line": _lines(b'{"prompt":"a"}{"prompt":"b"}'),
    "keys twice": _lines(b'{"prompt":"a","prompt":"b"}'),
    "keys of escapes": _lines({"\x1b[31m": 1}),
    "a key of a megabyte": _lines({"k" * MB: 1}),
    "100,000 keys": _lines({f"k{n}": 1 for n in range(100_000)}),
    "100,000 wrong lines": _lines(*[b"{"] * 100_000),
    "100,000 lost pictures": _lines(*[PROMPT | {"image": f"{n}.png"} for n in range(100_000)]),
    "lines of every kind": _lines({"prompt": "a"}, [1], 7, None, "text", True),
    "a line of 200 MB": _lines(b'{"prompt":"' + b"a" * (200 * MB) + b'"}'),
    "conversations of numbers": _lines({"conversations": [1, 2]}),
    "conversations of nothing": _lines({"conversations": []}),
    "conversations of a text": _lines({"conversations": "hello"}),
    "a turn without words": _lines({"conversations": [{"from": "human"}]}),
    "a turn of a number": _lines({"conversations": [{"from": "human", "value": 7}]}),
    "a turn of nobody": _lines({"conversations": [{"from": "\x1b[31m", "value": "a"}]}),
    "100,000 turns": _lines({"conversations": [{"from": "human", "value": "a"}] * 100_000}),
    "messages of numbers": _lines({"messages": [1]}),
    "messages of a table": _lines({"messages": {"role": "user"}}),
    "a message without a role": _lines({"messages": [{"content": "a"}]}),
    "a message of a number": _lines({"messages": [{"role": "user", "content": 7}]}),
    "parts of numbers": _lines({"messages": [{"role": "user", "content": [1]}]}),
    "a part of its own": _lines({"messages": [{"role": "user", "content": [{"type": "\x1b[31m"}]}]}),
    "a part that leads to the web": _lines(
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a"}}]}]}
    ),
    "a part that is a list": _lines(
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": [1]}]}]}
    ),
    "a batch of nothing": _lines({"custom_id": "a", "method": "POST", "url": "/v1", "body": None}),
    "a batch of numbers": _lines({"custom_id": 1, "body": {"messages": 2}}),
}  # fmt: skip
DOCUMENTS: dict[str, Make] = {
    "an array of nothing": _file("a.json", b"[]"),
    "an array of arrays": _file("a.json", b"[[1],[2]]"),
    "an array of 200,000 nulls": _file("a.json", b"[" + b"null," * 200_000 + b"null]"),
    "two arrays in an object": _file("a.json", b'{"a":[{"prompt":"a"}],"b":[{"prompt":"b"}]}'),
    "an object around an object": _file("a.json", b'{"a":{"b":{"c":[{"prompt":"a"}]}}}'),
    "UTF-16 cut off": _file("a.json", b"\xff\xfe["),
    "UTF-32": _file("a.json", '[{"prompt":"a"}]'.encode("utf-32")),
    "a NUL before": _file("a.json", b"\0[]"),
    "nothing but ends of lines": _file("a.jsonl", b"\r\n" * MB),
    "an archive": _file("a.json", b"PK\x03\x04" + bytes(40)),
    "gzip": _file("a.jsonl.gz", b"\x1f\x8b\x08\x00" + bytes(40)),
    "a pickle": _file("a.pkl", b"\x80\x04cposix\nsystem\n(S'touch out'\ntR."),
    "a web page": _file("a.html", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
    "escapes": _file("a.txt", b"\x1b[31m\x07\x9bhello"),
    "40 GB": lambda folder: [sparse(folder / "a.jsonl", 40 << 30, b"{"), ("inputs", folder / "a.jsonl")][1],
    "a pipe": lambda folder: [os.mkfifo(folder / "a.jsonl"), ("inputs", folder / "a.jsonl")][1],
    "a socket": lambda folder: [_socket(folder / "a.jsonl"), ("inputs", folder / "a.jsonl")][1],
    "standard input": lambda folder: ("inputs", "/dev/stdin"),
    "/dev/zero": lambda folder: ("inputs", "/dev/zero"),
    "/proc/self/mem": lambda folder: ("inputs", "/proc/self/mem"),
    "/": lambda folder: ("inputs", "/proc/self"),
    "a name of escapes": lambda folder: ("inputs", folder / "\x1b[31m\x07.jsonl"),
    "a name of 5,000 letters": lambda folder: ("inputs", "n" * 5000),
    "a name of a NUL": lambda folder: ("inputs", "a\0b"),
    "a name of half a character": lambda folder: ("inputs", "a\udcff.jsonl"),
    "a data set of odd names": lambda folder: ("inputs", "a/b@c:d@e:f"),
}  # fmt: skip
TABLES: dict[str, Make] = {
    "names twice": _file("a.csv", b"prompt,prompt\na,b\n"),
    "a million names": _file("a.csv", b"prompt" + b",c" * MB + b"\na\n"),
    "a row too long": _file("a.csv", b"prompt,image\na,b,c,d\n"),
    "100,000 rows too long": _file("a.csv", b"prompt\n" + b"a,b\n" * 100_000),
    "a quote without end": _file("a.csv", b'prompt,image\n"a' + b"b" * (20 * MB)),
    "a NUL": _file("a.csv", b"prompt,image\na\0b,\n"),
    "not UTF-8": _file("a.csv", b"prompt\n\xff\xfe\n"),
    "names of escapes": _file("a.csv", b"prompt,\x1b[31m\na,b\n"),
    "cells of escapes": _file("a.csv", b"prompt,image\na,\x1b[31m.png\n"),
    "a formula": _file("a.csv", b"prompt\n=cmd|' /C calc'!A0\n"),
    "a list of 5,000 digits": _file("a.csv", b"prompt,image\na,[" + b"9" * 5000 + b"]\n"),
    "a list without end": _file("a.csv", b"prompt,image\na," + b"[" * 100_000 + b"]\n"),
    "ten million delimiters": _file("a.csv", b"prompt\n" + b"," * (10 * MB) + b"\n"),
    "five million empty rows": _file("a.csv", b"prompt\n" + b"\n" * (5 * MB)),
    "five million rows": _file("a.csv", b"prompt\n" + b"a\n" * (5 * MB)),
    "an index in a circle": _file("a.tsv", b"index\timage\tquestion\n1\t2\ta\n2\t1\tb\n"),
    "an index of itself": _file("a.tsv", b"index\timage\tquestion\n1\t1\ta\n"),
    "a picture cut off": _file("a.tsv", b"index\timage\tquestion\n1\t" + b"iVBORw0KGgo" * 30 + b"\ta\n"),
    "options without a question": _file("a.tsv", b"index\tquestion\tA\tB\n1\t\tx\ty\n"),
    "a column that is not there": _file("a.csv", b"prompt\na\n", "--column", "image=nowhere"),
    "a column of escapes": _file("a.csv", b"prompt\na\n", "--column", "image=\x1b[31m"),
    "a role of its own": _file("a.csv", b"prompt\na\n", "--column", "colour=prompt"),
    "a column of nothing": _file("a.csv", b"prompt\na\n", "--column", "="),
    "a split": _file("a.csv", b"prompt\na\n", "--split", "\x1b[31m"),
}


def _parquet(table: Callable[[], Any], change: Callable[[bytes], bytes] = bytes, **options: Any) -> Make:
    def make(folder: Path) -> Sequence[object]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = io.BytesIO()
        pq.write_table(pa.table(table()), file, **options)
        (folder / "a.parquet").write_bytes(change(file.getvalue()))
        return ("inputs", folder / "a.parquet")

    return make


def _repeated(text: str, count: int) -> Any:
    """A column that says one text many times, which takes hardly any room in a file."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


PLAIN = {"prompt": ["a", "b"]}
PARQUET: dict[str, Make] = {
    "its first word alone": _file("a.parquet", b"PAR1"),
    "no end": _parquet(lambda: PLAIN, lambda raw: raw[:-8]),
    "a footer of 2 GB": _parquet(lambda: PLAIN, lambda raw: raw[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"),
    "a footer of nothing": _parquet(lambda: PLAIN, lambda raw: raw[:-8] + bytes(4) + b"PAR1"),
    "a footer spoilt": _parquet(lambda: PLAIN, lambda raw: raw[:-60] + b"\xff" * 52 + raw[-8:]),
    "pages spoilt": _parquet(lambda: PLAIN, lambda raw: raw[:4] + b"\xff" * 40 + raw[44:]),
    "encrypted": _parquet(lambda: PLAIN, lambda raw: b"PARE" + raw[4:-4] + b"PARE"),
    "no columns of ours": _parquet(lambda: {"colour": ["red"]}),
    "no rows": _parquet(lambda: {"prompt": []}),
    "prompts of numbers": _parquet(lambda: {"prompt": [1, 2]}),
    "prompts of lists": _parquet(lambda: {"prompt": [["a"], ["b"]]}),
    "prompts of bytes": _parquet(lambda: {"prompt": [b"\xff\xfe", b"a"]}),
    "names of escapes": _parquet(lambda: {"\x1b[31m": ["a"], "prompt": ["a"]}),
    "pictures of nothing": _parquet(lambda: {"prompt": ["a"], "image": [{"bytes": None, "path": None}]}),
    "pictures of words": _parquet(lambda: {"prompt": ["a"], "image": [{"bytes": b"hello", "path": "a.png"}]}),
    "pictures on /dev/zero": _parquet(lambda: {"prompt": ["a"], "image": [{"bytes": None, "path": "/dev/zero"}]}),
    "fifty million rows": _parquet(lambda: {"prompt": _repeated("a", 50_000_000)}),
    "4 GB of one prompt": _parquet(lambda: {"prompt": _repeated("a" * MB, 4000)}),
    "4 GB of one column beside": _parquet(lambda: {"prompt": ["a"] * 4000, "notes": _repeated("a" * MB, 4000)}),
    "a prompt of 700 MB, packed": _parquet(lambda: {"prompt": ["a" * (700 * MB)]}, compression="zstd"),
}  # fmt: skip


def _folder(create: Callable[[Path], object], *options: object) -> Make:
    def make(folder: Path) -> Sequence[object]:
        place = folder / "pictures"
        place.mkdir()
        create(place)
        return ("inputs", place, *options)

    return make


def _json(name: str, document: Any) -> Callable[[Path], object]:
    return lambda place: (place / name).write_text(
        document if isinstance(document, str) else json.dumps(document)
    )


def _saved(state: Any, info: Any = None) -> Make:
    """What `datasets` saves, with another state."""

    def create(place: Path) -> None:
        _json("dataset_info.json", info if info is not None else {})(place)
        _json("state.json", state)(place)

    return _folder(create)


ASKED = ("--prompt", "What is this?")
FOLDERS: dict[str, Make] = {
    "nothing": _folder(lambda place: None, *ASKED),
    "a maze of links": _folder(
        lambda place: [
            [(place / name).mkdir() for name in "abcdef"],
            [(place / a / b).symlink_to(place / b) for a in "abcdef" for b in "abcdef"],
        ],
        *ASKED,
    ),
    "a link to all": _folder(lambda place: (place / "root").symlink_to("/"), *ASKED),
    "30,000 pictures of nothing": _folder(
        lambda place: [(place / f"{n}.png").touch() for n in range(30_000)], *ASKED
    ),
    "folders 900 deep": _folder(lambda place: _deep(place, 900), *ASKED),
    "pipes": _folder(lambda place: [os.mkfifo(place / f"{n}.png") for n in range(3)], *ASKED),
    "names of escapes": _folder(lambda place: (place / "\x1b[31m\x07.png").write_bytes(b"a"), *ASKED),
    "names not UTF-8": _folder(
        lambda place: Path(os.fsdecode(os.fsencode(place) + b"/\xff.png")).write_bytes(b"a"), *ASKED
    ),
    "a name of markup": _folder(lambda place: (place / "<script>.png").write_bytes(b"a"), *ASKED),
    "metadata that lead up": _folder(_json("metadata.jsonl", {"file_name": "../../x.png", "prompt": "a"})),
    "metadata that lead to /etc": _folder(_json("metadata.jsonl", {"file_name": "/etc/passwd", "prompt": "a"})),
    "metadata of numbers": _folder(_json("metadata.jsonl", "1\n2\n3\n")),
    "metadata that are a pipe": _folder(lambda place: os.mkfifo(place / "metadata.jsonl"), *ASKED),
    "parquet files of nothing": _folder(
        lambda place: [(place / f"{n}.parquet").touch() for n in range(2000)], *ASKED
    ),
    "a parquet file that is a pipe": _folder(lambda place: os.mkfifo(place / "a.parquet"), *ASKED),
    "a data set of nothing": _saved({}),
    "a data set of a list": _saved([]),
    "a data set cut off": _saved('{"_data_files": ['),
    "a data set of /etc": _saved({"_data_files": [{"filename": "/etc/passwd"}], "_fingerprint": "a", "_format_columns": None, "_format_kwargs": {}, "_format_type": None, "_output_all_columns": False, "_split": None}),
    "a data set of nested brackets": _saved("[" * 100_000),
    "a data set of strange features": _saved(
        {"_data_files": []}, {"features": {"a": {"_type": "os.system", "x": 1}}}
    ),
    "splits of nothing": _folder(_json("dataset_dict.json", {})),
    "splits that lead up": _folder(_json("dataset_dict.json", {"splits": ["../../../etc"]})),
    "splits of numbers": _folder(_json("dataset_dict.json", {"splits": [1]})),
}  # fmt: skip


def _deep(place: Path, depth: int) -> None:
    here = os.getcwd()
    os.chdir(place)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("a.png").touch()
    finally:
        os.chdir(here)


def kinds() -> Iterator[Kind]:
    yield Kind("inputs/SOUND", _image(str(PICTURE)), sound=True)
    yield Kind("parquet/SOUND", _parquet(lambda: PLAIN), sound=True, quick=False)
    groups = {
        "image": IMAGES,
        "picture": FILES,
        "inputs": RECORDS,
        "document": DOCUMENTS,
        "csv": TABLES,
        "parquet": PARQUET,
        "folder": FOLDERS,
    }
    for group, makes in groups.items():
        for name, make in makes.items():
            # The others are heavy to make, or need packages that are extras.
            yield Kind(f"{group}/{name}", make, harmless=True, quick=group == "image")
