"""A window of a browser, and what went wrong in it."""

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Response, ViewportSize

PATIENCE_MS = 15_000
PHONE: ViewportSize = {"width": 360, "height": 720}
DESK: ViewportSize = {"width": 1280, "height": 900}
MOST_TABS = 40
TITLE = "Friday night drop"


class Window:
    """A page in a browser profile of its own, and everything that went wrong in it."""

    def __init__(self, browser: Browser, size: ViewportSize) -> None:
        # Ends of addresses that may answer with an error.
        self.may_fail: set[str] = set()
        self.wrong: list[str] = []
        self._context = browser.new_context(viewport=size, locale="en-GB")
        self._context.set_default_timeout(PATIENCE_MS)
        self.page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._failed)
        self.page.on("response", self._answered)

    def close(self) -> None:
        self._context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # A failed request is judged by `_answered`, which knows its status.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.wrong.append(message.text)

    def _failed(self, error: Error) -> None:
        self.wrong.append(str(error))

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and not any(response.url.endswith(one) for one in self.may_fail):
            self.wrong.append(f"{response.status} {response.url}")


def press_tab_until_on(page: Page, target: Locator) -> None:
    # A click on words gives nothing the focus, and the next Tab goes on from there.
    page.get_by_role("heading", name=TITLE).click()
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{target} cannot be reached with the Tab key")


def sideways_px(page: Page) -> int:
    """Tell how far the page can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
