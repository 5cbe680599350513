"""report.html: self-contained, made from the run directory alone, with answers that stay text."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from adamms.errors import SearchError
from adamms.reports.page import build_report
from adamms.responses import Responses
from adamms.searching import select
from hostile_runs import write_hostile_run

HOSTILE = "</script><script>alert(1)</script>\"><img src=x onerror=alert(2)> & 'q' {{ 7*7 }} \x1b[31m \ud800"
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
    def data(self) -> dict[str, Any]:
        """What a click on the grid shows."""
        (text,) = re.findall(r'id="answer-data">(.*?)</script>', self.source, flags=re.DOTALL)
        return json.loads(text)

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
    # One drawing for wide screens, one for phones.
    assert [each["class"] for each in page.all("svg") if "role" in each] == ["plot wide", "plot narrow"]
    assert len([row for row in page.all("tr") if row.get("class") == "chosen"]) == 1


def test_the_page_needs_no_network_and_runs_one_script(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    data, code = page.all("script")
    assert data == {"type": "application/json", "id": "answer-data"}
    assert code == {}
    assert page.all("link") == page.all("iframe") == []
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name in ("style", "href", "action") for name in attributes)
    assert not re.search(r"url\(|@import|innerHTML|eval\(", page.source)


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    (style,) = re.findall(r"<style>(.*?)</style>", page.source, flags=re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page.source, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def test_hostile_answers_prompts_and_names_stay_text(run_dir: Path) -> None:
    page = Page(build_report(run_dir))

    # The answer to the first input at alpha 0.4, and that input's prompt, are hostile.
    assert "</script><script>alert(1)</script>" in page.text
    assert "<img src=x" not in page.source
    assert len(page.all("script")) == 2
    first = next(each for each in page.data["inputs"] if each["id"] == "q0")
    assert first["prompt"] == HOSTILE.replace("\x1b", "⟨U+001B⟩").replace("\ud800", "⟨U+D800⟩")
    assert first["texts"][first["answers"][4]["text"]] == first["prompt"]

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


def test_every_answer_is_in_the_grid_and_whole_in_what_a_click_shows(
    run_dir: Path, responses: Responses
) -> None:
    page = Page(build_report(run_dir))

    # The grid's, the dialog's three, and those that copy commands and the recipe.
    assert len(page.all("button")) == 40 * 8 + 3 + 4
    assert len(page.all("img")) == 40
    shown = {
        each["id"]: [each["texts"][answer["text"]] for answer in each["answers"]]
        for each in page.data["inputs"]
    }
    assert shown["q7"] == [answered["q7"].response for answered in responses.values()]
    assert list(shown) != sorted(shown, key=lambda id_: int(id_[1:]))
    right = [each["answers"][0]["right"] for each in page.data["inputs"] if each["texts"][0] == "red"]
    assert right
    assert all(right)
    assert len(page.data["pictures"]) == 40
    assert len(page.source) < 700_000


def test_a_hundred_inputs_with_photographs_make_a_page_under_5_mb(tmp_path: Path) -> None:
    run = write_hostile_run(tmp_path, inputs=100, picture=(800, 600), tensors=1200)

    page = Page(build_report(run))

    assert 1_000_000 < len(page.source.encode()) < 5_000_000
    shown = [each["about"] for each in page.data["pictures"]]
    assert any(re.fullmatch(r"800 × 600 pixels; shown at \d+ × \d+", about) for about in shown)
    assert "the image file is not there any more" in shown


def test_signals_and_repeats_are_shown_where_they_were_recorded(run_dir: Path) -> None:
    selection = json.loads((run_dir / "selection.json").read_text())
    for key in ("signals", "repeats"):
        selection.pop(key, None)
    (run_dir / "selection.json").write_text(json.dumps(selection))
    assert "Other signals" not in Page(build_report(run_dir)).text

    scores = [{"alpha": each["alpha"], "score": each["alpha"] / 7} for each in selection["candidates"]]
    selection["signals"] = [{"name": "a vote", "selected": 0.2, "scores": scores, "cost": "no pass"}]
    selection["repeats"] = {"count": 20, "size": 10, "wins": {"0.3": 17, "0.2": 3}}
    (run_dir / "selection.json").write_text(json.dumps(selection))
    page = Page(build_report(run_dir))

    assert "a vote 0.2 63.0% no pass" in page.text
    assert "a vote 0 0.014 0.029 0.043" in page.text
    assert "repeated 20 times, each on 10 inputs" in page.text
    assert [bar["width"] for bar in page.all("rect")] == ["15.0", "85.0"]


def test_true_answers_that_came_beside_the_inputs_are_marked(run_dir: Path, responses: Responses) -> None:
    said = responses[0.0]["q3"].response
    (run_dir / "answers.json").write_text(json.dumps({"q3": said}))

    page = Page(build_report(run_dir))

    (shown,) = (entry for entry in page.data["inputs"] if entry["id"] == "q3")
    assert shown["truth"] == said
    assert shown["answers"][0]["right"] is True
    # The others' came with them.
    assert {entry["truth"] for entry in page.data["inputs"] if entry["id"] != "q3"} == {"red"}


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
    assert len(page.data["inputs"]) == 40
    assert {each["prompt"] for each in page.data["inputs"]} == {""}


def test_images_that_are_gone_are_left_out(run_dir: Path) -> None:
    for image in run_dir.parent.glob("*.png"):
        image.write_text("no image any more")

    page = Page(build_report(run_dir))

    assert page.all("img") == []
    assert {each["about"] for each in page.data["pictures"]} == {"the file is not an image that can be read"}
    assert "What is the colour of shape" in page.text


def test_equal_answers_everywhere_make_a_page_too(run_dir: Path) -> None:
    for path in (run_dir / "responses").iterdir():
        alpha = float(path.stem.partition("=")[2])
        lines = [json.dumps({"id": f"q{i}", "alpha": alpha, "response": "yes"}) for i in range(40)]
        path.write_text("\n".join(lines) + "\n")
    from adamms.responses import read_responses

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
