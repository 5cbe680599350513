"""What the documents name is there: files, modules, and what the Makefile runs."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "data" not in path.relative_to(ROOT).parts),
    *sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file() and path.suffix != ".pyc"),
]
FILE = re.compile(r"(?<![\w/.-])(?:src/adamms|proving_ground|tests|benchmarks|examples)/[\w./*-]*\w")
SHORT = re.compile(r"`((?:\w+/)+\w+\.(?:py|c|js))`")
"""A file of the package as the documents write it: `merging/stream.py`."""
MODULE = re.compile(r"(?<![\w./-])(?:adamms|proving_ground)(?:\.[A-Za-z_]\w*)+")


every_document = pytest.mark.parametrize(
    "document", [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in DOCUMENTS]
)


@every_document
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = FILE.findall(text)
    short = [path for path in SHORT.findall(text) if not (ROOT / path).exists()]

    assert [path for path in paths if not any(ROOT.glob(path))] == []
    assert [path for path in short if not (ROOT / "src" / "adamms" / path).exists()] == []


@every_document
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    # `adamms.json` is a file that a merge writes, and `adamms.methods` may be a group of entry points.
    elsewhere = {"adamms.json", *groups}
    named = dict.fromkeys(MODULE.findall(document.read_text(encoding="utf-8")))

    assert [name for name in named if name not in elsewhere and not exists(name)] == []


def exists(name: str) -> bool:
    """Whether it is a module, or a name that the module before its last dot spells out."""
    if _module(name) is not None:
        return True
    parent, _, last = name.rpartition(".")
    file = _module(parent)
    return file is not None and re.search(rf"\b{last}\b", file.read_text(encoding="utf-8")) is not None


def _module(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


HOW_TOS = ("add-a-merge-method", "add-a-signal", "add-an-engine", "add-an-architecture")


@pytest.mark.parametrize("page", HOW_TOS)
def test_a_how_tos_package_registers_what_its_file_defines(page: str) -> None:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
    file = re.search(r"`(\w+)\.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    toml = re.search(r"`pyproject\.toml`:\n\n```toml\n(.*?)```", text, re.DOTALL)
    assert file is not None
    assert toml is not None
    project = tomllib.loads(toml[1])["project"]
    # Without a name and a version no installer builds it.
    assert {"name", "version"} <= set(project)
    ((group, entries),) = project["entry-points"].items()
    assert group in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    (value,) = entries.values()
    module, _, attribute = value.partition(":")
    assert module == file[1]
    defined: dict[str, object] = {}
    exec(compile(file[2], f"{module}.py", "exec"), defined)
    assert attribute in defined


def test_the_readmes_demo_shows_the_default_rule_and_how_sure_it_is() -> None:
    text = (ROOT / "README.md").read_text()
    printed = re.search(r"```text\n(Merging two small.*?)```", text, re.DOTALL)
    assert printed is not None
    assert "Asking the donor done" in printed[1]
    assert "by the rule witnesses" in printed[1]
    assert re.search(r"^(Clear|Close|Undecided|Do not merge)\b", printed[1], re.MULTILINE)
