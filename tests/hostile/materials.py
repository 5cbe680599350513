"""Sound things to spoil: small checkpoints, pairs, runs, recipes, and the faults any JSON file can have."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adamms.zoo import shipped_pair

PAIR = shipped_pair()
Write = Callable[[Path], None]


def header(entries: Any, *, data: int = 0, pad: bytes = b"") -> bytes:
    """A safetensors file with this header and so many zero bytes of data."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + pad + bytes(data)


def entry(shape: Any = (2,), dtype: Any = "F32", offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def toy(folder: Path, *, config: Any = None, name: str = "model") -> Path:
    """The smallest checkpoint: two numbers."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(config if config is not None else {"model_type": "toy"}))
    (place / "model.safetensors").write_bytes(header({"a": entry()}, data=8))
    return place


def base(folder: Path, name: str = "base") -> Path:
    """A copy of the shipped base."""
    return Path(shutil.copytree(PAIR.base, folder / name))


def donor(folder: Path, name: str = "donor") -> Path:
    """A copy of the shipped donor."""
    return Path(shutil.copytree(PAIR.donor, folder / name))


def changed_json(path: Path, **changes: Any) -> None:
    """Change some keys of a JSON file; None as a value removes none, it is written."""
    data = json.loads(path.read_text()) if path.exists() else {}
    data.update(changes)
    path.write_text(json.dumps(data))


def sparse(path: Path, size: int, start: bytes = b"") -> None:
    """A file that claims a size and takes no disk."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def text(content: str | bytes) -> Write:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return lambda path: path.write_bytes(raw) and None


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _nowhere(path: Path) -> None:
    path.symlink_to("/nonexistent/file")


def _itself(path: Path) -> None:
    path.symlink_to(path.name)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    sparse(path, 40 << 30, b'{"a": "')


def _large_object(path: Path) -> None:
    """Half a gigabyte of JSON that is read at once."""
    sparse(path, 1 << 29, b"{}")


MB = 1 << 20
# The faults that a JSON file can have, whatever it is for.
JSON_FAULTS: dict[str, Write] = {
    "empty": text(""),
    "not JSON": text("hello"),
    "cut off": text('{"a": [1, 2'),
    "a list": text("[1, 2, 3]"),
    "a number": text("7"),
    "null": text("null"),
    "not UTF-8": text(b'{"a": "\xff\xfe"}'),
    "UTF-16": text('{"a": 1}'.encode("utf-16")),
    "nested lists": text("[" * 200_000 + "]" * 200_000),
    "nested objects": text('{"a":' * 100_000 + "1" + "}" * 100_000),
    "5,000 digits": text('{"a": ' + "9" * 5000 + "}"),
    "lists that unfold": text('{"a": [' + "[]," * (30 * MB // 3) + "[]]}"),
    "objects that unfold": text('{"a": [' + '{"b":1},' * (30 * MB // 8) + "1]}"),
    "numbers that unfold": text('{"a": [' + "1.5," * (40 * MB // 4) + "1]}"),
    "40 GB": _large,
    "half a gigabyte": _large_object,
    "a folder": _folder,
    "a pipe": _fifo,
    "a device": _device,
    "a link to nothing": _nowhere,
    "a link to itself": _itself,
    "a web page": text("<!DOCTYPE html><html>404</html>"),
    "a Git LFS pointer": text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
}
