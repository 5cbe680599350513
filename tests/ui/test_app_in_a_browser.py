"""The app in a real Chromium: `adamms ui` on one's own machine, and the Space's own app."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from adamms.zoo import shipped_pair
from browsers import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="Gradio is not installed (adamms[ui])"
)
ZOO = str(shipped_pair().base.parent.parent)
SPACE = Path(__file__).parents[2] / "examples" / "space" / "app.py"


@contextmanager
def served(command: list[str], folder: Path) -> Iterator[str]:
    """The address of a server that this process starts and ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "cache")}
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        for _ in range(300):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, browser: "Browser") -> Iterator[str]:
    folder = tmp_path_factory.mktemp("own")
    with served([sys.executable, "-m", "adamms", "ui", "--no-browser", "--device", "cpu"], folder) as address:
        yield address


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, browser: "Browser") -> Iterator[str]:
    with served([sys.executable, str(SPACE)], tmp_path_factory.mktemp("space")) as address:
        yield address


@contextmanager
def opened(browser: "Browser", address: str) -> "Iterator[Page]":
    """A page that asks nobody but its server, and of which nothing was harmed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_role("tab", name="Map").wait_for()
    yield page
    harmed = page.evaluate("window.harmed")
    context.close()
    assert harmed is None
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def violations(page: "Page") -> list[tuple[str, str]]:
    """What axe finds: (rule, the first element)."""
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    page.evaluate((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def tab(page: "Page", name: str) -> None:
    page.get_by_role("tab", name=name).click()


def button(page: "Page", name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def choose(page: "Page", role: str, model: str) -> None:
    box = page.get_by_label(role, exact=True)
    box.fill(model)
    box.press("Enter")
    box.blur()


def take(page: "Page", question: str) -> None:
    """Take one of the pictures below, with its question, and wait until both are there."""
    page.get_by_text(question).first.click()
    page.wait_for_function("wanted => document.querySelector('textarea').value === wanted", arg=question)
    page.locator("[data-testid=image] img, .image-frame img").first.wait_for()


def test_the_answer_changes_as_alpha_is_dragged(browser: "Browser", own: str) -> None:
    with opened(browser, own) as page:
        tab(page, "Try")
        take(page, "How much does this cost?")
        button(page, "Ask")
        said = page.locator(".am-said")
        said.wait_for()
        assert said.inner_text()
        assert page.locator(".am-strip tbody tr").count() == 1

        slider = page.locator("input[type=range][aria-label*='alpha']")
        slider.focus()
        for _ in range(3):
            slider.press("ArrowRight")
        page.locator(".am-strip tbody th", has_text="0.45").wait_for()
        assert "alpha 0.45" in page.locator(".am-soft", has_text="alpha").inner_text()

        button(page, "Ask at 0, 0.1 ... 0.6")
        page.locator(".am-strip tbody th", has_text="0.6").wait_for()
        shown = page.locator(".am-strip tbody th").all_inner_texts()
        assert {"0", "0.1", "0.2", "0.3", "0.4", "0.45", "0.5", "0.6"} <= set(shown)


def test_two_visitors_see_their_own_answers(browser: "Browser", own: str) -> None:
    with opened(browser, own) as one, opened(browser, own) as other:
        for page, question in ((one, "How much does this cost?"), (other, "Which digit is this?")):
            tab(page, "Try")
            take(page, question)
        button(one, "Ask at 0, 0.1 ... 0.6")
        button(other, "Ask")
        one.locator(".am-strip tbody th", has_text="0.6").wait_for()
        other.locator(".am-said").wait_for()
        assert one.locator(".am-strip tbody tr").count() == 7
        assert other.locator(".am-strip tbody tr").count() == 1
        assert other.locator(".am-said").inner_text() != one.locator(".am-said").inner_text()


def test_map_search_and_save_from_one_page(browser: "Browser", own: str, tmp_path: Path) -> None:
    with opened(browser, own) as page:
        button(page, "Show what maps")
        page.get_by_text("49 tensors merged, 2 in part, 43 kept").wait_for()
        assert violations(page) == []
        with page.expect_download() as download:
            page.get_by_text("Download mapping.json").click()
        assert json.loads(Path(download.value.path()).read_text())["summary"]["merged"] == 49

        tab(page, "Search")
        page.get_by_label("Inputs drawn").first.fill("20")
        page.get_by_label("Run directory to write").fill(str(tmp_path / "run"))
        button(page, "Search")
        frame = page.frame_locator("iframe.am-report")
        frame.locator("h1").wait_for()
        chosen = json.loads((tmp_path / "run" / "selection.json").read_text())["selected"]
        # The page in the frame is alive: its cells open.
        frame.locator("#answer-grid tbody button").nth(1).click()
        frame.locator("dialog[open] .question").wait_for()

        tab(page, "Save")
        page.get_by_label("Folder to write").fill(str(tmp_path / "merged"))
        button(page, "Merge and save")
        page.get_by_text("Written to").wait_for()
        assert json.loads((tmp_path / "merged" / "adamms.json").read_text())["alpha"] == chosen


def test_what_is_wrong_is_a_sentence_and_never_markup(browser: "Browser", own: str) -> None:
    with opened(browser, own) as page:
        tab(page, "Try")
        button(page, "Ask")
        page.get_by_text("Type a question first.").wait_for()
        tab(page, "Map")
        choose(page, "Base", "<img src=x onerror=window.harmed=1>")
        button(page, "Show what maps")
        toast = page.locator(".toast-body", has_text="onerror")
        toast.wait_for()
        assert "<img src=x onerror=window.harmed=1>" in toast.inner_text()
        assert toast.locator("img").count() == 0


def test_only_this_machine_reaches_it(own: str) -> None:
    port = int(own.rstrip("/").rpartition(":")[2])
    addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as tried:
            tried.settimeout(5)
            assert tried.connect_ex((address, port)) != 0
    # Nor is what the page calls an interface for programs.
    with urlopen(f"{own}gradio_api/info") as answer:
        assert json.load(answer)["named_endpoints"] == {}


def test_the_space_maps_and_answers_and_names_nothing_of_its_server(browser: "Browser", space: str) -> None:
    with opened(browser, space) as page:
        for folder in (str(shipped_pair().base), "../.."):
            choose(page, "Base", folder)
            button(page, "Show what maps")
            page.get_by_text("is no hub id such as owner/name; folders cannot be read here").first.wait_for()
            page.locator(".toast-close").first.click()
        choose(page, "Base", "small:qwen2-vl")
        button(page, "Show what maps")
        page.get_by_text("49 tensors merged, 2 in part, 43 kept").wait_for()
        tab(page, "Try")
        take(page, "Which digit is this?")
        button(page, "Ask")
        page.locator(".am-said").wait_for()
        tab(page, "Save")
        assert page.get_by_label("Folder to write").count() == 0
        button(page, "Merge and save")
        with page.expect_download() as download:
            page.get_by_text("Download the merged model").click()
        assert Path(download.value.path()).read_bytes()[:2] == b"PK"
        assert ZOO not in page.content()
    with urlopen(f"{space}config") as answer:
        assert ZOO not in answer.read().decode()
