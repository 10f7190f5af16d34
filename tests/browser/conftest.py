"""One deployment and one browser for all tests of the pages."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.running_site import Site, running_site
from tests.browser.window import DESK, PATIENCE_MS, PHONE, Window

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Playwright's own patience, 5 s, is shorter than a confirmed order owns its button.
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Run the real thing."""
    with tempfile.TemporaryDirectory(prefix="showdrop-browser-") as folder, running_site(Path(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium is not None, "the pages' tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def host(browser: Browser) -> Iterator[Window]:
    """Open a window on a desk."""
    window = Window(browser, DESK)
    window.may_fail = {"/static/no-such-picture.svg"}
    yield window
    window.close()


@pytest.fixture
def buyer(browser: Browser) -> Iterator[Window]:
    """Open a window on a phone."""
    window = Window(browser, PHONE)
    yield window
    window.close()
