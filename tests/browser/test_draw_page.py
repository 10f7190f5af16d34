"""A draw as people use the pages: two enter, one is drawn and pays, the other is told."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.running_site import Site
from tests.browser.window import DESK, PHONE, TITLE, Window

# Far longer than it takes to enter, however slow the machine is: the host ends it.
OPEN_FOR_S = 120


@pytest.fixture
def windows(browser: Browser) -> Iterator[list[Window]]:
    """The host's, and two buyers'."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Window(browser, size))) for size in (DESK, PHONE, PHONE)]


def test_two_enter_a_draw_and_one_is_drawn(site: Site, windows: list[Window]) -> None:
    windows[0].may_fail = {"/static/no-such-picture.svg"}
    desk, *phones = [window.page for window in windows]
    desk.goto(f"{site.url}/host#token={site.host_token}")
    desk.get_by_label("Title").fill(TITLE)
    desk.get_by_role("button", name="Create show").click()
    desk.get_by_role("button", name="Start show").click()
    for phone in phones:
        phone.goto(f"{site.url}/watch")
    desk.get_by_role("button", name="Open an offer for Enamel Mug").click()
    desk.get_by_label("Units go to").select_option("draw")
    expect(desk.get_by_label("Per buyer")).to_have_value("1")
    desk.get_by_label("Quantity").fill("1")
    desk.get_by_label("Open for (seconds)").fill(str(OPEN_FOR_S))
    desk.get_by_label("Countdown before").fill("1")
    desk.get_by_role("button", name="Open offer", exact=True).click()

    for phone in phones:
        expect(phone.locator(".offer .stock")).to_have_text("1 to be drawn")
        button = phone.locator(".offer .main")
        button.click()
        expect(button).to_have_text("Enter the draw")
        button.click()
        expect(button).to_contain_text(re.compile("You are in · drawn in [12]:"))
    expect(desk.locator(".live-offer")).to_contain_text("2 entered")
    desk.get_by_role("button", name="Close", exact=True).click()
    desk.get_by_role("button", name="Close offer").click()

    buttons = [phone.locator(".offer .main") for phone in phones]
    for button in buttons:
        expect(button).to_have_text(re.compile("^(Pay|Not drawn this time)"))
    [loser] = [button for button in buttons if "Pay" not in button.inner_text()]
    expect(loser).to_have_text("Not drawn this time")
    [winner] = [phone for phone, button in zip(phones, buttons, strict=True) if "Pay" in button.inner_text()]
    expect(winner.locator(".offer .note")).to_contain_text("You are drawn")
    winner.locator(".offer .main").click()
    expect(winner.locator(".offer .main")).to_have_text("Order confirmed")
    assert [window.wrong for window in windows] == [[], [], []]
