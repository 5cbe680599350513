"""`.bin` files that lie: pickles that want to run, unfold, loop or count without end, and their containers."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hostile.kinds import Kind, Make
from hostile.materials import sparse, toy

BIN = "pytorch_model.bin"
MB = 1 << 20
START = b"\x80\x02"
ORDERED = b"ccollections\nOrderedDict\n"
STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ"


def _tensor(
    size: bytes = b"K\x02\x85", stride: bytes = b"K\x01\x85", storage: bytes = STORAGE, offset: bytes = b"K\0"
) -> bytes:
    """The instructions of one tensor."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    return rebuild + b"(" + storage + offset + size + stride + b"\x89" + ORDERED + b")R" + b"tR"


def _dict(value: bytes, name: bytes = b"X\x01\0\0\0a") -> bytes:
    return START + b"}(" + name + value + b"u."


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _laughs(depth: int, kind: bytes) -> bytes:
    """A value that holds ten of a value that holds ten ...: small here, endless where it is walked."""
    begin, end = {b"t": (b"(", b"t"), b"l": (b"](", b"e")}[kind]
    stream = b"K\x01q\x00"
    for level in range(1, depth):
        stream += b"0"
        stream += begin + (b"h" + bytes([level - 1])) * 10 + end + b"q" + bytes([level])
    return stream


CALLS = {
    "os.system": b"cos\nsystem\n(X\x02\0\0\0idtR.",
    "eval": b"cbuiltins\neval\n(X\x01\0\0\x001tR.",
    "exec by stack": b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x01a\x85R.",
    "subprocess": b"csubprocess\nPopen\n(X\x02\0\0\0idtR.",
    "getattr": b"cbuiltins\ngetattr\n(K\x01X\x01\0\0\0atR.",
    "a torch loader": b"ctorch.hub\nload\n(tR.",
    "torch.storage bytes": b"ctorch.storage\n_load_from_bytes\n(C\x01atR.",
    "numpy": b"cnumpy.core.multiarray\n_reconstruct\n(tR.",
    "NEWOBJ": b"ccollections\nOrderedDict\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
    "INST": b"(S'id'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nX\x02\0\0\0ido.",
    "EXT1": b"\x82\x01.",
    "EXT4": b"\x84\x01\0\0\0.",
    "a buffer": b"\x97.",
    "a set": b"\x8f.",
    "a frozen set": b"(\x91.",
    "a persistent name": b"Pname\n.",
    "a name with escapes": b"c\x1b[31m\nred\n)R.",
    "a name of a megabyte": b"c" + b"a" * MB + b"\nb\n)R.",
    "a call of a number": b"K\x05)R.",
    "a call of a list": b"])R.",
    "a call of an endless value": _laughs(30, b"t") + b")R.",
}
STREAMS: dict[str, bytes] = {
    **{f"wants {name}": START + stream for name, stream in CALLS.items()},
    "nothing": b"",
    "a protocol alone": START,
    "a protocol of 99": b"\x80\x63}.",
    "an unknown instruction": START + b"\xfe.",
    "no end": START + b"}",
    "an empty stack": START + b"0.",
    "two values": START + b"}}.",
    "a memo that is not there": START + b"h\x07.",
    "a mark too few": START + b"t.",
    "a key that is a list": START + b"}]K\x01s.",
    "an odd number of values": START + b"}(K\x01K\x02K\x03u.",
    "a list as the whole": START + b"].",
    "a number as the whole": START + b"K\x01.",
    "a text as the whole": START + _text("a" * MB) + b".",
    "an empty dictionary": START + b"}.",
    "a number among tensors": _dict(b"K\x01"),
    "a text of a megabyte for a name": _dict(b"K\x01", _text("n" * MB)),
    "a name with escapes": _dict(b"K\x01", _text("\x1b[31m\x07")),
    "an endless tuple among tensors": _dict(_laughs(30, b"t")),
    "an endless list among tensors": _dict(_laughs(30, b"l")),
    "a list that holds itself": START + b"]q\0h\0a.",
    "a dictionary that holds itself": START + b"}q\0X\x01\0\0\0ah\0s.",
    "tuples ten thousand deep": _dict(b"K\x01" + b"\x85" * 10_000),
    "lists a million deep": START + b"]" * 1_000_000 + b"a" * 999_999 + b".",
    "ten million instructions": START + b"K\x010" * 5_000_000 + b"}.",
    "a million memos": START
    + b"K\x01"
    + b"".join(b"r" + struct.pack("<I", n) for n in range(1_000_000))
    + b"0}.",
    "a number of 5,000 digits": _dict(b"I" + b"9" * 5000 + b"\n"),
    "a long number of a megabyte": _dict(b"\x8b" + struct.pack("<i", MB) + b"\x7f" * MB),
    "a long number of 2^31 bytes": _dict(b"\x8b" + struct.pack("<I", 2**31 - 1) + b"\x7f"),
    "a text of 2^32 bytes": START + b"X\xff\xff\xff\xffa.",
    "a text of 2^63 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**63 - 1) + b"a.",
    "bytes of 2^63": b"\x80\x04\x8e" + struct.pack("<Q", 2**63 - 1) + b"a.",
    "a frame of 2^63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"}.",
    "text that is not UTF-8": START + b"X\x01\0\0\0\xff.",
    "text with a bad escape": START + b"S'\\x9'\n.",
    "text without quotes": START + b"Sabc\n.",
    "a line without end": START + b"c" + b"a" * (2 * MB),
    "a shape of -1": _dict(_tensor(b"J\xff\xff\xff\xff\x85")),
    "a shape of 5,000 digits": _dict(_tensor(b"I" + b"9" * 4000 + b"\n\x85")),
    "a shape of 2^61": _dict(_tensor(b"\x8a\x08" + b"\0" * 7 + b"\x20\x85")),
    "a shape of text": _dict(_tensor(_text("a") + b"\x85")),
    "a shape that is a number": _dict(_tensor(b"K\x02")),
    "a shape of a thousand": _dict(_tensor(b"(" + b"K\x01" * 1000 + b"t", b"(" + b"K\x01" * 1000 + b"t")),
    "a shape that is endless": _dict(_tensor(_laughs(30, b"t"), _laughs(30, b"t"))),
    "strides that differ in number": _dict(_tensor(stride=b")")),
    "a stride of -1": _dict(_tensor(stride=b"J\xff\xff\xff\xff\x85")),
    "a stride of zero": _dict(_tensor(stride=b"K\0\x85")),
    "a stride of 2^61": _dict(_tensor(stride=b"\x8a\x08" + b"\0" * 7 + b"\x20\x85")),
    "an offset beyond": _dict(_tensor(offset=b"K\x07")),
    "an offset of 2^61": _dict(_tensor(offset=b"\x8a\x08" + b"\0" * 7 + b"\x20")),
    "an offset that is text": _dict(_tensor(offset=_text("a"))),
    "a storage that is a number": _dict(_tensor(storage=b"K\x01")),
    "a storage of an unknown kind": _dict(
        _tensor(storage=STORAGE.replace(b"X\x07\0\0\0storage", b"X\x07\0\0\0strange"))
    ),
    "a storage of text elements": _dict(
        _tensor(storage=STORAGE.replace(b"K\x02tQ", _text("9" * 5000) + b"tQ"))
    ),
    "a storage of endless elements": _dict(
        _tensor(storage=STORAGE.replace(b"K\x02tQ", _laughs(30, b"t") + b"tQ"))
    ),
    "a storage of an endless key": _dict(
        _tensor(storage=STORAGE.replace(b"X\x01\0\0\x000", _laughs(30, b"t")))
    ),
    "a storage that is not there": _dict(
        _tensor(storage=STORAGE.replace(b"X\x01\0\0\x000", b"X\x01\0\0\x009"))
    ),
    "a storage too short": _dict(_tensor(b"K\xff\x85")),
    "an ordered dictionary of endless pairs": START + ORDERED + _laughs(30, b"l") + b"\x85R.",
    "an ordered dictionary of numbers": START + ORDERED + b"K\x01\x85R.",
    "torch.Size of an endless value": START + b"ctorch\nSize\n" + _laughs(30, b"t") + b"\x85R.",
    "a tensor of hooks": _dict(_tensor().replace(b"\x89", b"\x88")),
}
ODD = ("a tensor of hooks", "a stride of zero")


def _zipped(stream: bytes, data: bytes = bytes(8)) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", stream)
        archive.writestr("archive/data/0", data)
    return file.getvalue()


def _of(contents: Callable[[], bytes]) -> Make:
    def make(folder: Path) -> Sequence[object]:
        model = toy(folder)
        (model / "model.safetensors").unlink()
        (model / BIN).write_bytes(contents())
        return ("inspect", model)

    return make


def _records(count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", _dict(_tensor()))
        for number in range(count):
            archive.writestr(f"archive/data/{number}", b"")
    return file.getvalue()


def _compressed(method: int, size: int, name: str = "archive/data.pkl") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        if name != "archive/data.pkl":
            archive.writestr("archive/data.pkl", _dict(_tensor()), zipfile.ZIP_STORED)
        archive.writestr(name, b"}" * size)
    return file.getvalue()


def _claimed(size: int) -> bytes:
    """A directory that says a record is larger than it is."""
    raw = _zipped(_dict(_tensor()))
    at = raw.index(b"PK\x01\x02")
    return raw[: at + 24] + struct.pack("<I", size) + raw[at + 28 :]


def _legacy(*parts: bytes) -> bytes:
    return b"".join(parts)


MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
LEGACY = (MAGIC, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2))
CONTAINERS: dict[str, Callable[[], bytes]] = {
    "an empty zip": lambda: b"PK\x05\x06" + bytes(18),
    "a zip cut off": lambda: _zipped(_dict(_tensor()))[:-30],
    "a zip of other files": lambda: _compressed(zipfile.ZIP_STORED, 10, "readme.txt").replace(
        b"data.pkl", b"data.pkx"
    ),
    "a zip of two pickles": lambda: _compressed(zipfile.ZIP_STORED, 10, "other/data.pkl"),
    "a pickle deflated": lambda: _compressed(zipfile.ZIP_DEFLATED, 100),
    "a pickle deflated to a gigabyte": lambda: _compressed(zipfile.ZIP_DEFLATED, 1 << 30),
    "a pickle in bzip2": lambda: _compressed(zipfile.ZIP_BZIP2, 200 * MB),
    "a pickle in LZMA": lambda: _compressed(zipfile.ZIP_LZMA, 200 * MB),
    "a byte order deflated": lambda: _compressed(zipfile.ZIP_DEFLATED, 300 * MB, "archive/byteorder"),
    "a byte order in LZMA": lambda: _compressed(zipfile.ZIP_LZMA, 300 * MB, "archive/byteorder"),
    "data deflated": lambda: _compressed(zipfile.ZIP_DEFLATED, 100 * MB, "archive/data/0"),
    "a TorchScript program": lambda: _compressed(zipfile.ZIP_STORED, 10, "archive/constants.pkl"),
    "300,000 records": lambda: _records(300_000),
    "a record of 4 GB by the directory": lambda: _claimed(2**32 - 2),
    "a directory that lies elsewhere": lambda: (
        _zipped(_dict(_tensor()))[:-10] + b"\xff\xff\xff\x7f" + bytes(6)
    ),
    "zip, then anything": lambda: b"PK\x03\x04" + b"\xff" * 1000,
    "a legacy file cut off": lambda: _legacy(MAGIC),
    "a legacy file of another magic": lambda: _legacy(pickle.dumps(1, 2)),
    "a legacy file of lists": lambda: _legacy(MAGIC, pickle.dumps([], 2), pickle.dumps([], 2)),
    "a legacy file of no machine": lambda: _legacy(*LEGACY[:2], pickle.dumps(1, 2)),
    "a legacy file of a big-endian machine": lambda: _legacy(
        *LEGACY[:2], pickle.dumps({"little_endian": False}, 2)
    ),
    "a legacy file without storages": lambda: _legacy(*LEGACY, _dict(_tensor())),
    "a legacy file of other storages": lambda: _legacy(*LEGACY, _dict(_tensor()), pickle.dumps(["9"], 2)),
    "a legacy file of endless storages": lambda: _legacy(
        *LEGACY, _dict(_tensor()), START + _laughs(30, b"l") + b"."
    ),
    "a legacy file of an endless value": lambda: _legacy(
        *LEGACY, START + _laughs(30, b"l") + b".", pickle.dumps([], 2)
    ),
    "a legacy file without its data": lambda: _legacy(
        *LEGACY, _dict(_tensor(b"K\xff\x85")), pickle.dumps(["0"], 2)
    ),
    "a legacy file that runs code": lambda: _legacy(START + CALLS["os.system"]),
    "a legacy text of a gigabyte": lambda: b"",
    "a legacy line of a gigabyte": lambda: b"",
    "random bytes": lambda: bytes(range(256)) * 100,
    "a tar file": lambda: b"storages" + bytes(1000),
    "a safetensors file": lambda: struct.pack("<Q", 2) + b"{}",
}


def _sparse_legacy(start: bytes) -> Make:
    def make(folder: Path) -> Sequence[object]:
        model = toy(folder)
        (model / "model.safetensors").unlink()
        sparse(model / BIN, 4 << 30, start)
        return ("inspect", model)

    return make


def kinds() -> Iterator[Kind]:
    yield Kind("pickle/SOUND", _of(lambda: _zipped(_dict(_tensor()))), sound=True)
    legacy = _legacy(*LEGACY, _dict(_tensor()), pickle.dumps(["0"], 2)) + struct.pack("<Q", 2) + bytes(8)
    yield Kind("container/SOUND", _of(lambda: legacy), sound=True)
    for name, stream in STREAMS.items():
        yield Kind(f"pickle/{name}", _of(lambda stream=stream: _zipped(stream)), harmless=name in ODD)
    for name, contents in CONTAINERS.items():
        make = _of(contents)
        if name == "a legacy text of a gigabyte":
            make = _sparse_legacy(START + b"X\xff\xff\xff\x7f")
        elif name == "a legacy line of a gigabyte":
            make = _sparse_legacy(START + b"c")
        yield Kind(f"container/{name}", make)
