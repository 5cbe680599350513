"""The page in a real Chromium: it works by mouse and keyboard, harms nobody, and axe has nothing to say."""

import importlib.util
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adamms.reports.compare_page import build_comparison
from adamms.reports.comparison import compare_runs
from adamms.reports.page import build_report
from adamms.responses import Responses
from browsers import chromium
from hostile_runs import write_hostile_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(write_hostile_run(tmp_path_factory.mktemp("hostile")))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, report: Path) -> Path:
    run = write_hostile_run(tmp_path_factory.mktemp("other"))
    other = run.rename(run.parent / "other <img src=x onerror=window.harmed=1>")
    target = report.parent.parent / "compare.html"
    return build_comparison(compare_runs([report.parent, other]), target)


class Visit:
    """An open page and everything that it should not have done."""

    def __init__(self, browser: "Browser", path: Path, **settings: Any) -> None:
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._said(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._requested(request.url))
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page.goto(path.as_uri())
        self.own = self.page.url

    def _said(self, text: str) -> None:
        # Chromium's word on a heading that was focused a moment before it would have done so itself.
        if not text.startswith("Autofocus processing was blocked"):
            self.complaints.append(text)

    def _requested(self, url: str) -> None:
        if not url.startswith(("data:image/", "data:audio/")) and url != getattr(self, "own", url):
            self.complaints.append(url)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        harmed = self.page.evaluate("window.harmed")
        pages = len(self.context.pages)
        self.context.close()
        assert (harmed, pages, self.complaints) == (None, 1, [])

    def cell(self, row: int, column: int) -> "Locator":
        """A button of the grid; column 0 is the input itself."""
        return self.page.locator("#answer-grid tbody tr").nth(row).locator("button").nth(column)

    @property
    def dialog(self) -> "Locator":
        return self.page.locator("dialog")

    def focused(self) -> tuple[int, int]:
        """Row and column of the grid's cell that has the focus."""
        script = "(e => [e.closest('tr').sectionRowIndex, e.parentElement.cellIndex])(document.activeElement)"
        row, column = self.page.evaluate(script)
        return row, column

    def violations(self) -> list[tuple[str, str]]:
        """What axe finds: (rule, the first element)."""
        package = importlib.util.find_spec("axe_playwright_python")
        assert package is not None
        assert package.origin is not None
        self.page.evaluate((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [(each["id"], each["nodes"][0]["html"]) for each in found]


def test_a_click_shows_the_picture_the_prompt_and_every_answer(browser: "Browser", report: Path) -> None:
    with Visit(browser, report) as visit:
        row = visit.page.locator("#answer-grid tbody tr", has=visit.page.locator("img")).first
        row.locator("td button").nth(2).click()

        assert visit.dialog.is_visible()
        assert visit.dialog.locator("h2").inner_text().startswith("Input ")
        assert visit.dialog.locator("img").first.evaluate(
            "image => image.complete && image.naturalWidth > 99"
        )
        assert "300 × 200 pixels" in visit.dialog.locator("figcaption").first.inner_text()
        assert visit.dialog.locator(".question").inner_text().startswith("What is this?")
        assert visit.dialog.locator("tbody tr").count() == 7
        asked = visit.dialog.locator("tr.asked")
        assert (asked.locator("th").get_attribute("aria-label") or "").startswith("alpha 0.2")
        assert asked.locator("td").last.inner_text() == "60.0%"
        assert "disqualified" in visit.dialog.locator("tbody tr").last.inner_text()


def test_what_a_click_shows_is_exactly_what_was_said(browser: "Browser", report: Path) -> None:
    with Visit(browser, report) as visit:
        visit.cell(0, 1).click()
        seen = []
        for _ in range(18):
            seen += visit.dialog.locator(".words").all_inner_texts()
            visit.page.keyboard.press("ArrowRight")
        assert visit.dialog.locator("[data-step='1']").is_disabled()

        assert len(seen) > 80
        for text in ("</script><script>window.harmed=1</script>", "{{ 7*7 }}{% raw %}${7*7}", "__proto__"):
            assert text in seen
        assert "nul⟨U+0000⟩bell⟨U+0007⟩escape⟨U+001B⟩[31m" in seen
        assert "⟨U+202E⟩right to left⟨U+2066⟩" in seen


def test_everything_is_reached_by_keyboard_and_the_focus_comes_back(browser: "Browser", report: Path) -> None:
    with Visit(browser, report) as visit:
        press = visit.page.keyboard.press
        assert visit.page.locator("#answer-grid [tabindex='0']").count() == 1
        visit.page.locator("[data-changing]").focus()
        # A box that scrolls may take the focus before what is in it.
        for _ in range(3):
            if not visit.page.evaluate("document.activeElement.matches('#answer-grid button')"):
                press("Tab")
        for key, place in [
            ("ArrowRight", (0, 1)),
            ("ArrowDown", (1, 1)),
            ("End", (1, 7)),
            ("ArrowRight", (1, 7)),
            ("PageDown", (11, 7)),
            ("Home", (11, 0)),
            ("Control+End", (17, 7)),
            ("ArrowDown", (17, 7)),
            ("Control+Home", (0, 0)),
            ("ArrowUp", (0, 0)),
            ("ArrowRight", (0, 1)),
        ]:
            press(key)
            assert visit.focused() == place, key
        assert visit.page.locator("#answer-grid [tabindex='0']").count() == 1

        press("Enter")
        assert visit.dialog.is_visible()
        assert visit.page.evaluate("document.activeElement.id") == "dialog-title"
        press("Escape")
        assert visit.dialog.is_hidden()
        assert visit.focused() == (0, 1)
        press("Space")
        assert visit.dialog.is_visible()
        press("ArrowRight")
        press("ArrowRight")
        press("ArrowLeft")
        press("Escape")
        assert visit.focused() == (1, 1)
        visit.cell(3, 2).click()
        visit.dialog.locator("[data-close]").click()
        assert visit.focused() == (3, 2)


@pytest.mark.parametrize(
    "close",
    ["document.querySelector('[data-close]').click()", "document.querySelector('dialog').requestClose()"],
)
def test_the_focus_is_back_before_the_next_key_can_come(browser: "Browser", report: Path, close: str) -> None:
    with Visit(browser, report) as visit:
        visit.cell(0, 1).press("Enter")
        visit.page.keyboard.press("ArrowRight")

        # In one script: the browser has no turn in between to tell the page that the dialog closed.
        at = visit.page.evaluate(
            f"() => {{ {close}; return document.activeElement.closest('tr').sectionRowIndex }}"
        )

        assert at == 1
        visit.page.keyboard.press("ArrowDown")
        visit.page.wait_for_timeout(50)
        assert visit.focused() == (2, 1)
        assert visit.dialog.is_hidden()


def test_the_grid_and_the_tensors_can_be_searched(browser: "Browser", report: Path) -> None:
    with Visit(browser, report) as visit:
        rows = visit.page.locator("#answer-grid tbody tr:visible")
        assert rows.count() == 18
        visit.page.locator("[data-filter=answer-grid]").fill("u+202e WHAT")
        assert 0 < rows.count() < 18
        assert visit.page.locator("[data-count=answer-grid]").inner_text() == f"{rows.count()} of 18 inputs"
        visit.page.locator("[data-filter=answer-grid]").fill("")
        visit.page.locator("[data-changing]").check()
        assert 0 < rows.count() < 18
        assert rows.count() == visit.page.locator("#answer-grid tbody tr:not(.same)").count()

        visit.page.get_by_text("Every tensor (62)").click()
        visit.page.locator("[data-filter=tensor-table]").fill("layers.59")
        tensors = visit.page.locator("#tensor-table tbody tr:visible")
        assert tensors.count() == 1
        visit.page.locator("[data-filter=tensor-table]").fill("KEPT vision")
        assert tensors.all_inner_texts()[0].split()[0] == "visual.patch"
        assert visit.page.locator("[data-count=tensor-table]").inner_text() == "1 of 62 tensors"


@pytest.mark.parametrize(
    ("kind", "width", "scheme"),
    [
        ("report", 320, "light"),
        ("report", 1280, "dark"),
        ("comparison", 320, "dark"),
        ("comparison", 1280, "light"),
    ],
)
def test_axe_finds_nothing_and_no_screen_is_too_narrow(
    browser: "Browser", request: pytest.FixtureRequest, kind: str, width: int, scheme: str
) -> None:
    path = request.getfixturevalue(kind)
    with Visit(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert visit.violations() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        visit.cell(0, 1).click()
        assert visit.violations() == []
        assert visit.dialog.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_the_page_moves_nothing_sideways_on_paper(browser: "Browser", report: Path) -> None:
    with Visit(browser, report, viewport={"width": 794, "height": 1000}) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 794
        assert visit.page.locator(".tools:visible").count() == 0
        assert visit.page.locator("#answer-grid tbody tr.same:visible").count() == 0
        # Nothing is cut off at the edge of a box that scrolls.
        assert visit.page.locator(".grid-box").evaluate("box => box.scrollHeight <= box.clientHeight")

        visit.page.emulate_media(media="screen")
        visit.cell(0, 1).click()
        visit.page.emulate_media(media="print")
        assert visit.page.locator("main:visible").count() == 0
        assert visit.dialog.locator("tbody tr:visible").count() == 7


def test_the_comparison_opens_answers_of_both_runs(browser: "Browser", comparison: Path) -> None:
    with Visit(browser, comparison) as visit:
        visit.cell(0, 2).click()

        assert visit.dialog.locator("tbody tr").count() == 2
        assert visit.dialog.locator("tr.asked th").inner_text().startswith("other <")


def test_without_scripts_the_page_still_says_everything_but_the_details(
    browser: "Browser", report: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())

    assert page.get_by_role("heading", level=1).inner_text().startswith("Merge with alpha")
    assert page.locator("#answer-grid tbody tr:visible").count() == 18
    assert page.locator(".tools:visible").count() == 0
    assert "Without JavaScript" in page.locator("main").inner_text()
    context.close()


CAPTION = "A man in a {} jacket stands beside a parked bicycle near the harbour, two {} fly over the water"


@pytest.fixture
def captions(run_dir: Path, responses: Responses) -> Path:
    """A page of long answers that differ in a word or two, and whose first input is a sound."""
    run = run_dir
    inputs = run.parent / "inputs.jsonl"
    lines = [json.loads(line) for line in inputs.read_text().splitlines()]
    with wave.open(str(run.parent / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        file.writeframes(bytes(32_000))
    for line in lines:
        line |= {"prompt": "Describe it.", "answer": CAPTION.format("red", "gulls")}
        del line["image"]
        line["audio"] = "tone.wav"
    inputs.write_text("\n".join(map(json.dumps, lines)))
    for path in (run / "responses").iterdir():
        said = [json.loads(line) for line in path.read_text().splitlines()]
        for line in said:
            if line["response"] == "yes":
                line["response"] = CAPTION.format("blue", "gulls")
            elif line["response"]:
                line["response"] = CAPTION.format("red", "gulls" if line["response"] == "red" else "birds")
        path.write_text("".join(json.dumps(line) + "\n" for line in said))
    return build_report(run)


def test_long_answers_show_where_they_differ(browser: "Browser", captions: Path) -> None:
    with Visit(browser, captions) as visit:
        marks = visit.page.locator("#answer-grid mark").all_inner_texts()
        assert {"blue", "birds"} <= set(marks)
        row = next(
            at
            for at in range(40)
            if len(set(visit.page.locator("#answer-grid tbody tr").nth(at).locator("b").all_inner_texts()))
            > 2
        )
        visit.cell(row, 1).click()
        # Beside the answer whose cell was clicked; what was said stays exactly that.
        picker = visit.dialog.locator("[data-beside]")
        assert picker.locator("option:checked").inner_text() == "α 0"
        said = visit.dialog.locator(".words").all_inner_texts()
        assert set(said) <= {CAPTION.format(a, b) for a in ("red", "blue") for b in ("gulls", "birds")}
        first = said[0]
        for index, text in enumerate(said):
            box = visit.dialog.locator("tbody tr").nth(index).locator(".words")
            differing = [word for word, was in zip(text.split(), first.split(), strict=True) if word != was]
            lost = [was for word, was in zip(text.split(), first.split(), strict=True) if word != was]
            assert box.locator("mark").all_inner_texts() == differing
            assert box.locator(".gone").evaluate_all("all => all.map(e => e.dataset.words)") == lost
        picker.select_option("")
        assert visit.dialog.locator("mark, .gone").count() == 0
        assert visit.violations() == []


def test_right_and_wrong_are_marked_and_sound_plays(browser: "Browser", captions: Path) -> None:
    with Visit(browser, captions) as visit:
        right, wrong = (visit.page.locator(f"#answer-grid .{kind}").count() for kind in ("right", "wrong"))
        assert right
        assert wrong
        assert right + wrong == 40 * 7
        rates = visit.page.locator("#answer-grid thead .rate").all_inner_texts()
        assert len(rates) == 7
        assert rates[-1].startswith("0.0%")
        visit.cell(0, 1).click()
        assert visit.dialog.locator(".right, .wrong").count() == 7
        player = visit.dialog.locator("audio")
        player.evaluate("player => new Promise(done => { player.oncanplay = done; player.load(); })")
        assert player.evaluate("player => player.duration") > 0.9


def test_what_is_to_be_typed_can_be_copied(browser: "Browser", report: Path) -> None:
    with Visit(browser, report) as visit:
        button = visit.page.locator("[data-copy]").first
        button.click()
        visit.page.get_by_text("Copied").wait_for()
        copied = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("adamms run recipe.yaml --out another-run")
        assert copied == visit.page.locator(".code pre").first.evaluate("e => e.textContent")


def test_a_table_that_scrolls_says_so_until_its_end(browser: "Browser", report: Path) -> None:
    with Visit(browser, report, viewport={"width": 320, "height": 700}) as visit:
        box = visit.page.locator(".scroll.more").first
        hint = "e => getComputedStyle(e, '::before').display + getComputedStyle(e, '::before').content"
        assert box.evaluate(hint) == 'block"more to the right →"'
        label = box.get_attribute("aria-label")
        box.evaluate("e => e.scrollTo(e.scrollWidth, 0)")
        visit.page.wait_for_timeout(100)
        assert (
            "more"
            not in (visit.page.locator(f".scroll[aria-label='{label}']").get_attribute("class") or "").split()
        )


@pytest.mark.parametrize("kind", ["report", "comparison", "captions"])
def test_nothing_is_cut_off_at_1280_pixels_and_no_label_lies_on_another(
    browser: "Browser", request: pytest.FixtureRequest, kind: str
) -> None:
    path = request.getfixturevalue(kind)
    with Visit(browser, path, viewport={"width": 1280, "height": 900}) as visit:
        for details in visit.page.locator("details").all():
            details.evaluate("e => { e.open = true }")
        boxes = visit.page.locator("pre, .grid-box, .scroll:not(.tall), header, h1, .facts div")
        cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 40))"
        assert boxes.evaluate_all(cut) == []
        assert visit.page.evaluate(LABELS) == []


LABELS = """() => {
  const seen = [...document.querySelectorAll("svg.plot")].filter(svg => svg.getBoundingClientRect().width);
  const clashes = [];
  for (const svg of seen) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
    texts.forEach(([name, box], at) => {
      if (box.left < frame.left || box.right > frame.right) clashes.push(`${name} leaves the drawing`);
      for (const [other, its] of texts.slice(at + 1)) {
        const over = Math.min(box.right, its.right) - Math.max(box.left, its.left) > 1
          && Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top) > 4;
        if (over) clashes.push(`${name} lies on ${other}`);
      }
    });
  }
  return clashes;
}"""
"""Boxes hold a line's whole height, of which letters leave some pixels free."""
