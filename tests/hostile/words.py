"""Recipes, mappings, answers, tables and spreadsheets that lie."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostile.kinds import OUT, Kind, Make
from hostile.materials import PAIR, Write, sparse, text

MB = 1 << 20
SOUND = f"base: {PAIR.base}\ndonor: {PAIR.donor}\n"


def _laughs(count: int, kind: str = "list") -> str:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]" if kind == "list" else "x0: &x0 {k: 1}"]
    for number in range(1, count):
        refs = ", ".join([f"*x{number - 1}"] * 10)
        lines.append(f"x{number}: &x{number} " + (f"[{refs}]" if kind == "list" else f"{{<<: [{refs}]}}"))
    return "\n".join(lines) + "\n"


RECIPES: dict[str, str | bytes] = {
    "nothing": "",
    "a list": "- a\n- b\n",
    "a text": "hello",
    "null": "null",
    "two documents": "base: a\n---\nbase: b\n",
    "not UTF-8": b"base: \xff\n",
    "UTF-16": "base: a\n".encode("utf-16"),
    "a NUL": b"base: a\0b\n",
    "an escape": b"base: a\x1b[31m\n",
    "tabs": "base:\n\t- a\n",
    "an unknown key": SOUND + "colour: red\n",
    "a thousand unknown keys": SOUND + "".join(f"k{n}: 1\n" for n in range(1000)),
    "an unknown key of 100 kB": SOUND + "k" * 1000 + "x" * 100_000 + ": 1\n",
    "an unknown key with escapes": SOUND + '"\\e[31m\\a": 1\n',
    "a key twice": "base: a\nbase: b\n",
    "a billion laughs": SOUND + _laughs(12),
    "a billion laughs as the base": _laughs(12) + "base: *x11\n",
    "a billion merged tables": SOUND + _laughs(12, "table"),
    "an alias to itself": "base: &a [*a]\n",
    "an alias to nothing": "base: *nothing\n",
    "a chain of 3,000 aliases": "".join(
        f"x{n}: &x{n} [*x{n - 1}]\n" if n else "x0: &x0 [1]\n" for n in range(3000)
    ),
    "100,000 brackets": "base: " + "[" * 100_000,
    "100,000 braces": "base: " + "{" * 100_000,
    "100,000 dashes": "- " * 100_000 + "1",
    "100,000 question marks": "? " * 100_000,
    "100,000 tags": "base: " + "!!str " * 100_000 + "a\n",
    "100,000 anchors": "".join(f"a{n}: &a{n} 1\n" for n in range(14_000)),
    "200 kB of one text": "base: " + "a" * 200_000 + "\n",
    "a megabyte": "base: " + "a" * MB + "\n",
    "a number of 5,000 digits": SOUND + "merge: {alpha: " + "9" * 5000 + "}\n",
    "a number in sixties": SOUND + "merge: {threads: 1" + ":59" * 50_000 + "}\n",
    "a number of 300 digits": SOUND + "merge: {threads: " + "9" * 300 + "}\n",
    "a float of 400 digits": SOUND + "merge: {alpha: 0." + "3" * 400 + "}\n",
    "alpha NaN": SOUND + "merge: {alpha: .nan}\n",
    "alpha infinite": SOUND + "merge: {alpha: .inf}\n",
    "alpha of text": SOUND + "merge: {alpha: much}\n",
    "alpha true": SOUND + "merge: {alpha: true}\n",
    "alpha of 100,000 entries": SOUND + f"merge: {{alpha: [{', '.join(['0.1'] * 60_000)}]}}\n",
    "alpha a date": SOUND + "merge: {alpha: 2026-02-31}\n",
    "python": SOUND + "x: !!python/object/apply:os.system [id]\n",
    "a python name": SOUND + "x: !!python/name:os.system ''\n",
    "a tag of its own": SOUND + "x: !mine 1\n",
    "binary": SOUND + "x: !!binary 'not base64!'\n",
    "a set": SOUND + "x: !!set {a, b}\n",
    "an ordered map": SOUND + "x: !!omap [a: 1]\n",
    "a directive": "%YAML 99.99\n---\nbase: a\n",
    "a base that is a list": "base: [a]\ndonor: b\nmerge: {alpha: 0.1}\n",
    "a base of 5,000 letters": f"base: {'b' * 5000}\ndonor: {PAIR.donor}\nmerge: {{alpha: 0.1}}\n",
    "a base of 100,000 plus signs": f"base: {'a+' * 50_000}b\ndonor: {PAIR.donor}\nmerge: {{alpha: 0.1}}\n",
    "a base with a NUL": f'base: "a\\0b"\ndonor: {PAIR.donor}\nmerge: {{alpha: 0.1}}\n',
    "a base that is a half character": f'base: "\\ud800"\ndonor: {PAIR.donor}\nmerge: {{alpha: 0.1}}\n',
    "threads without end": SOUND + "merge: {alpha: 0.1, threads: 1000000000}\n",
    "shards of nothing": SOUND + "merge: {alpha: 0.1, max_shard_size: 0}\n",
    "shards of a byte": SOUND + "merge: {alpha: 0.1, max_shard_size: 1}\n",
    "a dtype of its own": SOUND + "merge: {alpha: 0.1, dtype: float1}\n",
    "a method of its own": SOUND + "merge: {method: os.system, alpha: 0.1}\n",
    "a setting that is a pattern": SOUND + "merge: {alpha: {'" + "*a" * 1000 + "': 0.1}}\n",
    "10,000 patterns": SOUND
    + "merge: {alpha: {"
    + ", ".join(f"'*p{n}*': 0.1" for n in range(10_000))
    + "}}\n",
    "an exclusion of stars": SOUND + "mapping: {exclude: ['" + "*" * 10_000 + "']}\nmerge: {alpha: 0.1}\n",
    "an exclusion without end": SOUND + "mapping: {exclude: ['" + "*a" * 3000 + "b']}\nmerge: {alpha: 0.1}\n",
    "1,000 donors": SOUND
    + "donors:\n"
    + "".join(f"- model: m{n}\n" for n in range(1000))
    + "merge: {alpha: 0.1}\n",
    "alphas without end": SOUND + "search: {inputs: q.jsonl, alphas: '0:1:1e-12'}\n",
    "alphas of steps of nothing": SOUND + "search: {inputs: q.jsonl, alphas: '0:1:0'}\n",
    "100,000 alphas": SOUND + "search: {inputs: q.jsonl, alphas: '" + ",".join(["0.1"] * 60_000) + "'}\n",
    "samples without end": SOUND + f"search: {{inputs: q.jsonl, samples: {'9' * 200}}}\n",
    "inputs on /dev/zero": SOUND + "search: {inputs: /dev/zero}\n",
    "inputs that are a folder": SOUND + "search: {inputs: /tmp}\n",
    "mergekit without models": "merge_method: linear\nmodels: []\n",
    "mergekit of numbers": "merge_method: 1\nmodels: 2\n",
    "mergekit of 10,000 models": "merge_method: linear\nmodels:\n"
    + "".join(f"- model: m{n}\n" for n in range(10_000)),
    "mergekit of slices": "merge_method: passthrough\nslices:\n- sources: [{model: a, layer_range: [0, 9999999999]}]\n",
    "mergekit of laughs": _laughs(12) + "merge_method: linear\nmodels: *x11\n",
}
RECIPES_ODD = (
    "shards of a byte",
    "a setting that is a pattern",
    "10,000 patterns",
    "an exclusion of stars",
    "an exclusion without end",
)


def _recipe(content: str | bytes) -> Make:
    def make(folder: Path) -> Sequence[object]:
        text(content)(folder / "recipe.yaml")
        return ("run", folder / "recipe.yaml", "--out", OUT)

    return make


# A mapping edited by hand.

SEGMENT = {"donor": "x"}


def _edited(tensors: Any, **others: Any) -> Make:
    def make(folder: Path) -> Sequence[object]:
        document = {
            "base": str(PAIR.base),
            "donor": str(PAIR.donor),
            "duplicates": "paired",
            "tensors": tensors,
            "summary": {},
        } | others
        (folder / "mapping.json").write_text(json.dumps(document))
        return (
            "merge",
            PAIR.base,
            PAIR.donor,
            "--mapping",
            folder / "mapping.json",
            "--alpha",
            0.3,
            "--out",
            OUT,
        )

    return make


def _segment(**values: Any) -> Make:
    return _edited({"lm_head.weight": {"status": "merged", "reason": "", "segments": [SEGMENT | values]}})


MAPPINGS: dict[str, Make] = {
    "no tensors": _edited({}),
    "tensors of a list": _edited([]),
    "tensors of numbers": _edited({"a": 1}),
    "tensors of no base": _edited({"nowhere": {"status": "merged", "segments": [SEGMENT]}}),
    "100,000 wrong tensors": _edited({f"t{n}": 1 for n in range(100_000)}),
    "a status of its own": _edited({"lm_head.weight": {"status": "eaten", "segments": []}}),
    "a reason of a megabyte": _edited(
        {"lm_head.weight": {"status": "kept", "reason": "r" * MB, "segments": [SEGMENT]}}
    ),
    "a reason that is a number": _edited({"lm_head.weight": {"status": "kept", "reason": 1}}),
    "segments of numbers": _edited({"lm_head.weight": {"segments": [1]}}),
    "a million segments": _edited({"lm_head.weight": {"segments": [SEGMENT] * 1_000_000}}),
    "an unknown key": _segment(colour=1),
    "a donor of a megabyte": _segment(donor="d" * MB),
    "a donor with escapes": _segment(donor="\x1b[31m"),
    "rows the wrong way": _segment(donor_rows=[2, 1]),
    "rows below zero": _segment(donor_rows=[-2, 1]),
    "rows of 300 digits": _segment(donor_rows=[0, int("9" * 300)], base_rows=[0, int("9" * 300)]),
    "rows of text": _segment(donor_rows=["0", "1"]),
    "rows of three": _segment(donor_rows=[0, 1, 2]),
    "rows of halves": _segment(donor_rows=[0.5, 1.5]),
    "an expert below zero": _segment(donor_expert=-1),
    "an expert of 300 digits": _segment(donor_expert=int("9" * 300)),
    "a turn of text": _segment(transpose="yes"),
    "a summary of text": _edited({}, summary="all"),
    "notes of numbers": _edited({}, notes=[1, 2]),
    "a base that is a number": _edited({}, base=1),
}

# Answers.


def _answers(line: str | bytes) -> Make:
    def make(folder: Path) -> Sequence[object]:
        for alpha in ("0.00", "0.20", "0.30"):
            (folder / f"alpha={alpha}.jsonl").write_text(
                json.dumps({"id": "1", "alpha": float(alpha), "response": "a"})
            )
        raw = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        (folder / "alpha=0.10.jsonl").write_bytes(raw + b"\n")
        return ("select", folder)

    return make


def _line(**values: Any) -> Make:
    return _answers(json.dumps({"id": "1", "alpha": 0.1, "response": "a"} | values))


ANSWERS: dict[str, Make] = {
    "a line that is a list": _answers("[]"),
    "a line without an id": _answers('{"alpha": 0.1, "response": "a"}'),
    "a line without an answer": _answers('{"id": "1", "alpha": 0.1}'),
    "an id that is null": _line(id=None),
    "an id that is a list": _line(id=[1]),
    "an id of 5,000 digits": _answers('{"id": ' + "9" * 5000 + ', "alpha": 0.1, "response": "a"}'),
    "an id of a megabyte": _line(id="i" * MB),
    "an id with escapes": _line(id="\x1b[31m\x07"),
    "an alpha of text": _line(alpha="x"),
    "an alpha of 300 digits": _line(alpha=int("9" * 300)),
    "an alpha NaN": _line(alpha=float("nan")),
    "an alpha infinite": _line(alpha=float("inf")),
    "an alpha true": _line(alpha=True),
    "an alpha below zero": _line(alpha=-1),
    "an answer that is a number": _line(response=7),
    "an answer that is null": _line(response=None),
    "an answer of a table": _line(response={"a": 1}),
    "an answer of ten megabytes": _line(response="a" * (10 * MB)),
    "an answer of half a character": _answers('{"id": "1", "alpha": 0.1, "response": "\\ud800"}'),
    "a confidence of text": _line(confidence="high"),
    "a confidence NaN": _line(confidence=float("nan")),
    "a confidence of 300 digits": _line(confidence=int("9" * 300)),
    "an entropy infinite": _line(entropy=float("inf")),
    "tokens of 300 digits": _line(tokens=int("9" * 300)),
    "finished by text": _line(finished="maybe"),
    "an answer twice": _answers(
        json.dumps({"id": "1", "alpha": 0.1, "response": "a"})
        + "\n"
        + json.dumps({"id": "1", "alpha": 0.1, "response": "b"})
    ),
    "100,000 lines": _answers(
        "\n".join(f'{{"id": "{n}", "alpha": 0.1, "response": "a"}}' for n in range(100_000))
    ),
    "a million empty lines": _answers("\n" * 1_000_000),
    "a line of a hundred megabytes": _answers('{"id": "' + "i" * (100 * MB) + '"}'),
}

# Spreadsheets and tables.

PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _sheet(inner: str, *, method: int = zipfile.ZIP_DEFLATED, **others: str | bytes) -> Callable[[], bytes]:
    def contents() -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, part in (PARTS | {"xl/worksheets/sheet1.xml": inner} | others).items():
                archive.writestr(name, part)
        return file.getvalue()

    return contents


def _data(rows: str, dimension: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}">{dimension}<sheetData>{rows}</sheetData></worksheet>'


HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>index</t></is></c><c r="B1" t="inlineStr"><is><t>prediction</t></is></c></row>'
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {n} "{f"&{b};" * 10}">' for b, n in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
SHEETS: dict[str, Callable[[], bytes]] = {
    "no zip": lambda: b"hello",
    "an empty zip": lambda: b"PK\x05\x06" + bytes(18),
    "a zip of nothing known": lambda: _sheet("x")()[:-5],
    "no sheet": _sheet("", **{"xl/workbook.xml": f'<workbook xmlns="{MAIN}"><sheets/></workbook>'}),
    "not XML": _sheet("hello"),
    "XML cut off": _sheet(_data(HEAD)[:-30]),
    "an empty sheet": _sheet(_data("")),
    "a billion laughs": _sheet(
        ENTITIES + _data(HEAD + '<row r="2"><c r="A2" t="inlineStr"><is><t>&i;</t></is></c></row>')
    ),
    "an entity of a file": _sheet(
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + _data(HEAD + "<row><c><v>&a;</v></c></row>")
    ),
    "a dimension of everything": _sheet(_data(HEAD, '<dimension ref="A1:XFD1048576"/>')),
    "a dimension of text": _sheet(_data(HEAD, '<dimension ref="hello"/>')),
    "a row far below": _sheet(_data(HEAD + '<row r="999999999"><c r="A999999999"><v>1</v></c></row>')),
    "a row of 400 digits": _sheet(_data(HEAD + f'<row r="{"9" * 400}"><c><v>1</v></c></row>')),
    "a cell far right": _sheet(
        _data(HEAD + "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 3000)))
    ),
    "a cell beyond": _sheet(_data(HEAD + '<row r="2"><c r="ZZZZZZZ2"><v>1</v></c></row>')),
    "a cell nowhere": _sheet(_data(HEAD + '<row r="2"><c r="?"><v>1</v></c></row>')),
    "a shared text that is not there": _sheet(
        _data(HEAD + '<row r="2"><c r="A2" t="s"><v>99999</v></c></row>')
    ),
    "a number that is none": _sheet(_data(HEAD + '<row r="2"><c r="A2" t="n"><v>x</v></c></row>')),
    "a number of 5,000 digits": _sheet(_data(HEAD + f'<row r="2"><c r="A2"><v>{"9" * 5000}</v></c></row>')),
    "a date beyond": _sheet(_data(HEAD + '<row r="2"><c r="A2" t="d"><v>99999-99-99</v></c></row>')),
    "a gigabyte of spaces": lambda: _sheet(_data(HEAD + " " * (1 << 30)))(),
    "thirty megabytes of cells": lambda: _sheet(_data(HEAD + "<row>" + "<c/>" * (7 * MB) + "</row>"))(),
    "thirty megabytes of rows": lambda: _sheet(_data(HEAD + "<row/>" * (5 * MB)))(),
    "brackets a million deep": lambda: _sheet(_data(HEAD + "<a>" * 1_000_000 + "</a>" * 1_000_000))(),
    "LZMA": lambda: _sheet(_data(HEAD + " " * (30 * MB)), method=zipfile.ZIP_LZMA)(),
    "bzip2": lambda: _sheet(_data(HEAD + " " * (30 * MB)), method=zipfile.ZIP_BZIP2)(),
    "2,000 parts": _sheet(_data(HEAD), **{f"part{n}": "x" for n in range(2000)}),
    "no columns of ours": _sheet(
        _data('<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>')
    ),
}
TABLES: dict[str, Write] = {
    "no columns": text("a\tb\n1\t2\n"),
    "a NUL": text(b"index\tprediction\n1\ta\0b\n"),
    "not UTF-8": text(b"index\tprediction\n1\t\xff\n"),
    "a quote without end": text('index\tprediction\n1\t"' + "a" * (10 * MB)),
    "a cell of eighty megabytes": text("index\tprediction\n1\t" + "a" * (80 * MB) + "\n"),
    "a million columns": text("index\tprediction" + "\tc" * 1_000_000 + "\n1\ta\n"),
    "a row of a million": text("index\tprediction\n" + "1\t" * 1_000_000 + "\n"),
    "40 GB": lambda path: sparse(path, 40 << 30, b"index\tprediction\n1\t"),
}


def _table(name: str, write: Write) -> Make:
    def make(folder: Path) -> Sequence[object]:
        for alpha in ("0.0", "0.2", "0.3"):
            (folder / f"alpha={alpha}_MME.tsv").write_text("index\tprediction\n1\ta\n")
        write(folder / f"alpha=0.1_MME.{name}")
        return ("select", folder)

    return make


def kinds() -> Iterator[Kind]:
    yield Kind("recipe/SOUND", _recipe(SOUND + "merge: {alpha: 0.3}\n"), sound=True)
    yield Kind("answers/SOUND", _line(response="b"), sound=True)
    sheet = HEAD + '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="inlineStr"><is><t>a</t></is></c></row>'
    yield Kind(
        "sheet/SOUND",
        _table("xlsx", lambda path: path.write_bytes(_sheet(_data(sheet))()) and None),
        sound=True,
    )
    yield Kind("table/SOUND", _table("tsv", text("index\tprediction\n1\ta\n")), sound=True)
    for name, content in RECIPES.items():
        yield Kind(f"recipe/{name}", _recipe(content), harmless=name in RECIPES_ODD)
    for name, make in MAPPINGS.items():
        yield Kind(f"mapping/{name}", make)
    for name, make in ANSWERS.items():
        yield Kind(f"answers/{name}", make, harmless=True)
    for name, contents in SHEETS.items():
        write = lambda path, contents=contents: path.write_bytes(contents()) and None  # noqa: E731
        yield Kind(f"sheet/{name}", _table("xlsx", write), harmless=True)
    for name, write in TABLES.items():
        yield Kind(f"table/{name}", _table("tsv", write), harmless=True)
