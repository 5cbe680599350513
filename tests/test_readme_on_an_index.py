"""The README as a package index shows it: no link leads into a repository that is not there."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling")
ROOT = Path(__file__).parents[1]
TARGET = re.compile(r"\]\(([^)\s]+)|\b(?:src|href|srcset)=\"([^\"]+)\"")


def targets(text: str) -> list[str]:
    return [first or second for first, second in TARGET.findall(text)]


@pytest.fixture(scope="module")
def build() -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("source", [None, "https://example.org/adamms"])
def test_every_link_works_there(build: Any, source: str | None) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    shown = build.index_readme(readme, source)

    assert [target for target in targets(shown) if not re.match(r"https?://|mailto:|#", target)] == []
    ours = [target for target in targets(readme) if not re.match(r"https?://|mailto:|#", target)]
    assert [target for target in ours if not (ROOT / target.partition("#")[0]).exists()] == []
    led = [target for target in targets(shown) if source and target.startswith(source)]
    assert len(led) == (len(ours) if source else 0)


def test_links_pictures_and_html_become_addresses(build: Any) -> None:
    text = (
        '[![badge](https://b.org/x.svg)](docs/a.md) ![a page](./docs/p.png "title") [how](docs/a.md#part)\n'
        '<img src="docs/p.png" alt="p"> <a href="docs/a.md">a</a> [out](https://a.org) [here](#part)'
    )

    assert build.index_readme(text, "https://h.org/o/n/") == (
        "[![badge](https://b.org/x.svg)](https://h.org/o/n/blob/main/docs/a.md) "
        "![a page](https://h.org/o/n/raw/main/docs/p.png) [how](https://h.org/o/n/blob/main/docs/a.md#part)\n"
        '<img src="https://h.org/o/n/raw/main/docs/p.png" alt="p"> '
        '<a href="https://h.org/o/n/blob/main/docs/a.md">a</a> [out](https://a.org) [here](#part)'
    )
    assert build.index_readme(text, None) == (
        "![badge](https://b.org/x.svg) *a page* how\n"
        '<img  alt="p"> <a >a</a> [out](https://a.org) [here](#part)'
    )
