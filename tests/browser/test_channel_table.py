"""The host console's channel table, against nine channels that a demo server plays itself."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Response, Route, ViewportSize, expect

from tests.browser.running_site import MUGS, Site, running_site
from tests.browser.window import DESK, PATIENCE_MS, PHONE

CHANNELS = 9
ROW = "#channels tbody tr"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory(prefix="showdrop-browser-") as folder,
        running_site(Path(folder), "--fake-channels") as running,
    ):
        yield running


@pytest.fixture
def console(site: Site, browser: Browser) -> Iterator[Callable[[ViewportSize], Page]]:
    """Open the console of a new show; whatever went wrong in the page fails the test."""
    wrong: list[str] = []
    contexts = []

    def opened(size: ViewportSize) -> Page:
        context = browser.new_context(viewport=size, locale="en-GB")
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: wrong.append(answer.url) if is_wrong(answer) else None)
        page.goto(f"{site.url}/host#token={site.host_token}")
        page.get_by_label("Title").fill("Everywhere")
        page.get_by_role("button", name="Create show").click()
        expect(page.locator(ROW)).to_have_count(CHANNELS)
        return page

    yield opened
    for context in contexts:
        context.close()
    # A test that failed half-way is not to fail the next one too.
    _post(site, "/v1/channels/switch", {"off": False})
    assert wrong == []


def is_wrong(answer: Response) -> bool:
    return answer.status >= 400 and not answer.url.endswith("/no-such-picture.svg")


def expect_in_step(page: Page) -> None:
    """All but Meta, which takes a call every eight seconds."""
    for name in ("Not linked", "Behind"):
        found = page.locator(ROW).filter(has_not_text="Meta (fake)").locator(f"[data-name='{name}']")
        expect(found).to_have_text(["0"] * (CHANNELS - 1))


def row_of(page: Page, name: str) -> Locator:
    return page.locator(ROW, has_text=name)


def shown_at(site: Site, kind: str) -> dict[str, int]:
    found: dict[str, Any] = httpx.get(f"{site.fakes_url}/{kind}", trust_env=False).json()
    return {item["sku"]: item["shows"] for item in found["items"]}


def disturb(site: Site, kind: str, **troubles: object) -> None:
    httpx.post(f"{site.fakes_url}/{kind}/troubles", json=troubles, trust_env=False).raise_for_status()


def test_zero_everywhere_is_one_key_a_question_and_enter(site: Site, console: Callable[[ViewportSize], Page]) -> None:
    page = console(DESK)
    expect_in_step(page)
    assert shown_at(site, "kakao") == {"MUG-1": MUGS, "LAMP-1": 5}
    page.keyboard.press("z")
    dialog = page.locator("#ask-dialog")
    expect(dialog).to_contain_text("All 9 channels will show that nothing is left")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert shown_at(site, "kakao") == {"MUG-1": MUGS, "LAMP-1": 5}

    page.get_by_role("button", name="Zero everywhere now").focus()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Show 0 everywhere").press("Enter")
    expect(page.locator("#channels [data-channel=off]:visible")).to_have_count(CHANNELS)
    expect_in_step(page)
    for kind in ("kakao", "tiktok", "pinterest", "shopify"):
        assert set(shown_at(site, kind).values()) == {0}, kind

    again = page.get_by_role("button", name="Show stock again")
    expect(again).to_be_focused()
    expect(page.get_by_role("button", name="Zero everywhere now")).to_be_hidden()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Show the stock").press("Enter")
    expect(page.locator("#channels [data-channel=off]:visible")).to_have_count(0)
    expect_in_step(page)
    assert shown_at(site, "kakao") == {"MUG-1": MUGS, "LAMP-1": 5}


def test_the_switch_hands_its_focus_over_when_the_table_knows_before_the_answer_is_here(
    console: Callable[[ViewportSize], Page],
) -> None:
    page = console(DESK)
    zero, again = (page.get_by_role("button", name=name) for name in ("Zero everywhere now", "Show stock again"))

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        # By the table's next round the channels are switched; the click is still waiting for this answer.
        expect(other).to_be_visible()
        route.fulfill(response=answer)

    page.route("**/v1/channels/switch", answer_late)
    for press, sure, other in ((zero, "Show 0 everywhere", again), (again, "Show the stock", zero)):
        press.focus()
        page.keyboard.press("Enter")
        with page.expect_response("**/v1/channels/switch"):
            page.locator("#ask-dialog").get_by_role("button", name=sure).press("Enter")
        expect(other).to_be_focused()
        expect(press).to_be_hidden()


def test_a_channel_that_is_down_says_so_and_its_button_keeps_the_focus(
    site: Site, console: Callable[[ViewportSize], Page]
) -> None:
    page = console(DESK)
    expect_in_step(page)
    disturb(site, "wechat", down=True)
    _adjust(site, "MUG-1", -1)
    broken = row_of(page, "WeChat")
    pause = broken.get_by_role("button", name="Pause WeChat shop (fake)")
    pause.focus()
    expect(broken.locator("[data-name=Behind]")).to_have_text("1")
    expect(broken.locator("[data-name='Last error']")).to_contain_text("503")
    expect(broken.locator("[data-channel=failing]")).to_have_text("failing")
    expect(row_of(page, "TikTok").locator("[data-name=Behind]")).to_have_text("0")
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    resume = broken.get_by_role("button", name="Resume WeChat shop (fake)")
    expect(resume).to_be_focused()
    expect(broken.locator("[data-channel=paused]")).to_have_text("paused")
    disturb(site, "wechat", down=False)
    page.keyboard.press("Enter")
    expect(broken.locator("[data-name=Behind]")).to_have_text("0")
    expect(broken.locator("[data-channel=active]")).to_have_text("active")
    expect(broken.locator("[data-name='Last error']")).to_have_text("")
    assert shown_at(site, "wechat")["MUG-1"] == shown_at(site, "tiktok")["MUG-1"] == MUGS - 1
    _adjust(site, "MUG-1", 1)


def test_the_table_is_a_list_on_a_phone_and_sleeps_out_of_sight(console: Callable[[ViewportSize], Page]) -> None:
    page = console(PHONE)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) == 0
    table = page.locator("#channels")
    assert table.evaluate("element => element.scrollWidth - element.parentElement.clientWidth") <= 0
    button = row_of(page, "Shopify").get_by_role("button")
    box = button.bounding_box()
    assert box is not None
    assert min(box["height"], box["width"]) >= 44

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    table.scroll_into_view_if_needed()
    began = time.monotonic()
    for _ in range(2):
        with page.expect_request("**/v1/channels"):
            pass
    # Once a second, and at once when the table comes into sight.
    assert sum(one.endswith("/v1/channels") for one in asked) <= time.monotonic() - began + 2
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(1_500)
    asked.clear()
    page.wait_for_timeout(2_500)
    assert [one for one in asked if one.endswith("/v1/channels")] == []


def _adjust(site: Site, sku: str, delta: int) -> None:
    _post(site, "/v1/stock/adjust", {"sku": sku, "delta": delta, "reason": "test"})


def _post(site: Site, path: str, body: dict[str, object]) -> None:
    headers = {"authorization": f"Bearer {site.host_token}"}
    httpx.post(f"{site.url}{path}", json=body, headers=headers, trust_env=False).raise_for_status()
