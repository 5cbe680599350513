"""A real Chromium for the tests of pages: one that is on the machine, or a skip with a word."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@contextmanager
def chromium() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    named = [os.environ.get("ADAMMS_CHROMIUM"), *map(shutil.which, NAMES)]
    path = next((name for name in named if name), None)
    if path is None:
        pytest.skip("no Chromium on this machine (ADAMMS_CHROMIUM names one)")
    with sync_api.sync_playwright() as playwright:
        # The sandbox needs rights that a container may not have; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
