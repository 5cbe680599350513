"""report.html: self-contained, made from the run directory alone, with answers that stay text."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from adamms.errors import SearchError
from adamms.reports import build_report
from adamms.searching import Responses, select

VOID = ("meta", "img", "br", "wbr", "link", "input", "hr")


class Page(HTMLParser):
    """The page's elements and texts, and whether every element is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_says_what_was_chosen_and_why(run_dir: Path, responses: Responses) -> None:
    path = build_report(run_dir)

    page, selection = Page(path), select(responses)
    assert path == run_dir / "report.html"
    assert f"Merge with alpha = {selection.selected:g}" in page.text
    assert selection.verdict in page.text
    assert "disqualified: of 40 answers 40 are empty (base: 0)" in page.text
    assert "accuracy (not used)" in page.text
    assert "27 tensors merged, 0 in part, 3 kept from the base" in page.text
    assert "layers 0-1, attention.q" in page.text
    assert "max_new_tokens: 64" in page.text
    assert "adamms run recipe.yaml" in page.text
    assert "AutoModelForImageTextToText" in page.text
    assert len(page.all("svg")) == 1
    assert len([row for row in page.all("tr") if row.get("class") == "chosen"]) == 1


def test_the_page_needs_no_network_and_runs_no_script(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not re.search(r"url\(|@import", page.source)
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")


def test_hostile_answers_prompts_and_names_stay_text(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    # The answer to the first input at alpha 0.4, and that input's prompt, are hostile.
    assert page.text.count("</script><script>alert(1)</script>") >= 2
    assert "{{ 7*7 }}" in page.text
    assert "<img src=x" not in page.source
    assert "<script" not in page.source

    recipe = (
        (run_dir / "recipe.yaml").read_text().replace("seed: 0", "seed: 0 # </pre><img src=x onerror=a()>")
    )
    (run_dir / "recipe.yaml").write_text(recipe)
    mapping = json.loads((run_dir / "mapping.json").read_text())
    mapping["notes"] = ["<img src=x onerror=alert(3)>"]
    (run_dir / "mapping.json").write_text(json.dumps(mapping))
    again = Page(build_report(run_dir))
    assert "<img src=x onerror=alert(3)>" in again.text
    assert "<img src=x" not in again.source


def test_the_answers_shown_are_those_that_change_most(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    shown = re.findall(r"input (q\d+)", page.source)
    assert 0 < len(shown) <= 2 * 10
    assert page.source.count('class="question"') == len(page.all("ol")) <= 10
    assert len(page.all("img")) == len(page.all("ol"))
    # Seven candidates answer each of them; a right answer is marked because the inputs hold the truth.
    assert len(page.all("li")) == 7 * len(page.all("ol"))
    assert 'class="right"' in page.source
    assert len(page.source) < 300_000


def test_a_page_can_be_rebuilt_after_everything_else_is_gone(run_dir: Path) -> None:
    for path in run_dir.parent.iterdir():
        if path != run_dir:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(run_dir / "merged")
    (run_dir / "accuracy.json").unlink()

    page = Page(build_report(run_dir))

    assert "27 tensors merged" in page.text
    assert "accuracy" not in page.text
    assert page.all("img") == []
    assert len(page.all("ol")) > 0


def test_images_that_are_gone_are_left_out(run_dir: Path) -> None:
    for image in run_dir.parent.glob("*.png"):
        image.write_text("no image any more")

    page = Page(build_report(run_dir))

    assert page.all("img") == []
    assert "What is the colour of shape" in page.text


def test_equal_answers_everywhere_make_a_page_too(run_dir: Path) -> None:
    for path in (run_dir / "responses").iterdir():
        alpha = float(path.stem.partition("=")[2])
        lines = [json.dumps({"id": f"q{i}", "alpha": alpha, "response": "yes"}) for i in range(40)]
        path.write_text("\n".join(lines) + "\n")
    from adamms.searching import read_responses

    (run_dir / "selection.json").write_text(json.dumps(select(read_responses(run_dir), ends="all").to_json()))

    page = Page(build_report(run_dir))

    assert "Do not merge" in page.text
    assert "Every input got the same answer from every candidate." in page.text


def test_the_same_run_gives_the_same_page(run_dir: Path) -> None:
    first = build_report(run_dir).read_bytes()

    assert build_report(run_dir).read_bytes() == first
    assert [path.name for path in run_dir.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("selection.json", None, "is not a finished search"),
        ("selection.json", "{", "selection.json is damaged"),
        ("selection.json", "{}", "not a selection.json"),
        ("selection.json", "[]", "selection.json is damaged"),
        ("mapping.json", None, "mapping.json cannot be read"),
        ("recipe.yaml", "a: [", "recipe.yaml is damaged"),
        ("responses/alpha=0.20.jsonl", None, "no answers for alpha 0.2"),
    ],
)
def test_an_unfinished_or_damaged_run_is_said(
    run_dir: Path, name: str, content: str | None, part: str
) -> None:
    (run_dir / name).unlink()
    if content is not None:
        (run_dir / name).write_text(content)

    with pytest.raises(SearchError) as caught:
        build_report(run_dir)
    assert part in str(caught.value)
    assert not (run_dir / "report.html").exists()
