"""The documents as a site, built strictly; the messages that a page explains are those that are printed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MESSAGES = ROOT / "docs" / "reference" / "messages.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    # Strict: a link or an anchor that leads nowhere is an error here.
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_is_built_strictly_and_fetches_nothing(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")

    loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]+)|<link[^>]* href=\"([^\"]+)", page)
    assert loaded
    assert [address for address in map("".join, loaded) if address.startswith(("http", "//"))] == []


def test_the_references_are_those_of_the_installed_program(site: Path) -> None:
    from adamms import __all__ as names
    from adamms.cli import VERBS

    commands = (site / "reference" / "help.html").read_text(encoding="utf-8")
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"Usage: adamms {verb}" not in commands] == []
    assert "--exhaustive" in commands
    functions = [name for name in names if name.islower() and not name.startswith("_")]
    assert [name for name in functions if f'id="adamms.{name}"' not in python] == []
    assert "the model whose architecture is kept" in python


def printed() -> list[str]:
    """Every text in the package, what is filled in left out."""
    texts = []
    for path in (ROOT / "src" / "adamms").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def test_every_message_that_is_explained_is_one_that_is_printed() -> None:
    explained = re.findall(r"^### `(.+)`$", MESSAGES.read_text(encoding="utf-8"), re.MULTILINE)
    texts = "\n".join(" ".join(text.split()) for text in printed())

    assert len(explained) > 15
    assert [message for message in explained if message not in texts] == []
