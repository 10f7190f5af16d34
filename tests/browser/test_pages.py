"""The pages as people use them: a whole sale through Chromium, against every role for real."""

from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.running_site import MUGS, Site
from tests.browser.window import PHONE, TITLE, Window, press_tab_until_on, sideways_px


@pytest.mark.parametrize("show", ["show_nope", "show_01JD0000000000000000000000", "a/b?c"])
def test_a_link_to_no_show_says_so_and_leads_to_the_current_one(site: Site, buyer: Window, show: str) -> None:
    # A browser tells the page nothing of why a WebSocket did not open, but writes it to its console.
    buyer.may_fail = {f"/v1/shows/{quote(show, safe='')}", "/v1/shows/current"}
    buyer.page.goto(f"{site.url}/watch?show={quote(show, safe='')}")
    expect(buyer.page.get_by_role("heading", name="This show does not exist")).to_be_visible()
    buyer.page.get_by_role("button", name="Find the current show").click()
    expect(buyer.page).to_have_url(f"{site.url}/watch")
    assert [one for one in buyer.wrong if "WebSocket connection" not in one] == []


def offer_on(buyer: Window) -> tuple[Page, Locator, Locator]:
    """Return the buyer's page, the offer on it and the offer's main button."""
    return buyer.page, buyer.page.locator(".offer"), buyer.page.locator(".offer .main")


def start_a_show(host: Window, site: Site) -> None:
    desk = host.page
    desk.goto(f"{site.url}/host#token={site.host_token}")
    desk.get_by_label("Title").fill(TITLE)
    desk.get_by_role("button", name="Create show").click()
    expect(desk.locator("#link-state")).to_have_text("Connected")
    assert site.host_token not in desk.url
    desk.get_by_role("button", name="Start show").click()
    expect(desk.locator("#state")).to_have_text("Live")
    expect(desk.locator("#products")).to_contain_text(f"€20.00 · {MUGS} available")


def pin_the_mug(host: Window) -> None:
    host.page.get_by_role("button", name="Pin Enamel Mug", exact=True).click()


def watch_the_show(buyer: Window, site: Site) -> None:
    phone = buyer.page
    phone.goto(f"{site.url}/watch")
    expect(phone.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(phone.locator("#spotlight")).to_contain_text("Enamel Mug")
    expect(phone.locator("#spotlight .picture.loaded")).to_have_count(1)


def open_an_offer_for_more_mugs_than_there_are_and_then_for_all(host: Window) -> None:
    desk = host.page
    desk.get_by_role("button", name="Open an offer for Enamel Mug").click()
    desk.get_by_label("Quantity").fill(str(MUGS + 1))
    desk.get_by_label("Countdown before").fill("1")
    desk.get_by_role("button", name="30 percent off").click()
    host.may_fail.add("/offers")
    desk.get_by_role("button", name="Open offer", exact=True).click()
    expect(desk.locator("[data-field=quantity] .field-error")).to_contain_text("not enough stock")
    desk.get_by_label("Quantity").fill(str(MUGS))
    desk.get_by_role("button", name="Open offer", exact=True).click()
    expect(desk.locator(".live-offer")).to_contain_text("Enamel Mug")
    expect(desk.locator("#products")).to_contain_text("€20.00 · no stock")


def join_to_buy(buyer: Window) -> None:
    phone, offer, button = offer_on(buyer)
    expect(button).to_have_text("Join to buy")
    button.click()
    expect(phone.locator("#who")).to_contain_text("Buying as demo-")
    expect(button).to_have_text("Claim · €14.00")
    expect(offer).to_contain_text(f"{MUGS} of {MUGS} left")
    assert sideways_px(phone) == 0


def claim_with_the_keyboard_and_give_it_back(buyer: Window) -> None:
    phone, offer, button = offer_on(buyer)
    press_tab_until_on(phone, button)
    phone.keyboard.press("Enter")
    expect(button).to_contain_text("Pay €14.00 · ")
    expect(offer).to_contain_text(f"{MUGS - 1} of {MUGS} left")
    phone.reload()
    expect(button).to_contain_text("Pay €14.00 · ")
    phone.get_by_role("button", name="Give it back").click()
    expect(offer).to_contain_text("You gave it back.")
    expect(button).to_have_text("Claim · €14.00")


def pay_with_a_card_that_is_declined(buyer: Window) -> None:
    phone, offer, button = offer_on(buyer)
    phone.get_by_label("Demo payment").select_option("pm_test_declined")
    button.click()
    expect(button).to_contain_text("Pay €14.00 · ")
    button.click()
    expect(offer).to_contain_text("The payment was declined and nothing was charged.")


def buy_two_with_a_card_that_is_good(buyer: Window) -> None:
    phone, _, button = offer_on(buyer)
    phone.get_by_label("Demo payment").select_option("pm_test_ok")
    expect(button).to_have_text("Claim · €14.00")
    phone.get_by_role("button", name="One more").click()
    expect(button).to_have_text("Claim 2 · €28.00")
    button.click()
    expect(button).to_contain_text("Pay €28.00 · ")
    press_tab_until_on(phone, button)
    phone.keyboard.press("Enter")
    expect(phone.locator("#orders")).to_contain_text("2 \N{MULTIPLICATION SIGN} Enamel Mug")
    expect(phone.locator("#orders [data-order=confirmed]")).to_have_text("Confirmed")
    assert sideways_px(phone) == 0


def see_what_was_sold(host: Window) -> None:
    desk = host.page
    expect(desk.locator(".live-offer .sold dd")).to_have_text("2")
    expect(desk.locator("[data-metric=gmv] .metric-value")).to_have_text("€28.00")
    expect(desk.locator("#orders")).to_contain_text("MUG-1")


def extend_the_offer_and_close_it(host: Window) -> None:
    desk = host.page
    desk.get_by_role("button", name="Extend +30 s").click()
    expect(desk.locator("#toast")).to_have_text("Extended by 30 s.")
    desk.get_by_role("button", name="Close", exact=True).click()
    desk.get_by_role("button", name="Close offer").click()


def end_the_show(host: Window) -> None:
    desk = host.page
    desk.get_by_role("button", name="End show").click()
    desk.locator("#ask-dialog").get_by_role("button", name="End show").click()


def test_a_whole_sale_from_the_hosts_link_to_the_summary(site: Site, host: Window, buyer: Window) -> None:
    start_a_show(host, site)
    pin_the_mug(host)
    watch_the_show(buyer, site)
    open_an_offer_for_more_mugs_than_there_are_and_then_for_all(host)
    join_to_buy(buyer)
    claim_with_the_keyboard_and_give_it_back(buyer)
    pay_with_a_card_that_is_declined(buyer)
    buy_two_with_a_card_that_is_good(buyer)
    see_what_was_sold(host)

    extend_the_offer_and_close_it(host)
    expect(buyer.page.locator(".offer .main")).to_have_text("Offer ended")
    # After the end the viewers' page asks for the next show, and hears that there is none.
    buyer.may_fail.add("/v1/shows/current")
    end_the_show(host)
    expect(buyer.page.locator("#summary")).to_contain_text("You bought 2 items for €28.00.")
    expect(host.page.locator("#state")).to_have_text("Ended")
    expect(host.page.locator("#products")).to_contain_text(f"€20.00 · {MUGS - 2} available")

    assert buyer.wrong == []
    assert host.wrong == []


def call(site: Site, path: str, body: object) -> str:
    """Call the API as the host about shows, and return the show's id."""
    headers = {"authorization": f"Bearer {site.host_token}"}
    answer = httpx.post(f"{site.url}/v1/shows{path}", json=body, headers=headers, trust_env=False).raise_for_status()
    show_id: str = answer.json()["show_id"]
    return show_id


def test_after_the_end_the_next_show_is_said_to_come_or_to_be_on(site: Site, buyer: Window) -> None:
    first, second = (call(site, "", {"title": title, "currency": "EUR"}) for title in (TITLE, "The encore"))
    announcer, link = buyer.page.locator("#announcer"), buyer.page.get_by_role("link", name="Watch next: The encore")
    call(site, f"/{first}/start", {})
    buyer.page.goto(f"{site.url}/watch?show={first}")
    expect(buyer.page.locator("#show-badge")).to_have_text("Live")
    call(site, f"/{first}/end", {})
    expect(link).to_be_visible()
    expect(announcer).to_have_text("Another show is coming up.")
    call(site, f"/{second}/start", {})
    buyer.page.reload()
    expect(link).to_be_visible()
    expect(announcer).to_have_text("Another show is on.")
    call(site, f"/{second}/end", {})
    assert buyer.wrong == []


def test_a_missing_picture_leaves_the_products_initials(site: Site, host: Window) -> None:
    host.page.goto(f"{site.url}/host#token={site.host_token}")
    host.page.get_by_label("Title").fill("Lamps")
    host.page.get_by_role("button", name="Create show").click()
    lamp = host.page.locator(".product-row", has_text="Desk Lamp")
    expect(lamp.locator(".picture")).to_have_text("DL")
    expect(lamp.locator("img")).to_have_count(0)
    assert host.wrong == []


@pytest.mark.parametrize("path", ["/host", "/host#token=wrong"])
def test_the_console_stays_shut_without_a_good_token(site: Site, host: Window, path: str) -> None:
    host.may_fail.add("/v1/shows?limit=20")
    host.page.goto(site.url + path)
    expect(host.page.get_by_role("heading", name="token")).to_be_visible()
    expect(host.page.get_by_label("Paste the token here")).to_be_visible()
    expect(host.page.get_by_role("button", name="Create show")).to_be_hidden()
    assert host.wrong == []


def test_the_api_page_sends_a_call_with_the_pasted_token(site: Site, host: Window) -> None:
    page = host.page
    page.goto(f"{site.url}/docs")
    expect(page.locator("#about code").last).to_have_text("Idempotency-Key")
    expect(page.locator("#about")).not_to_contain_text("`")
    call = page.locator("#list_products")
    call.locator("summary").click()
    host.may_fail.add("/v1/products")
    call.get_by_role("button", name="Send").click()
    expect(call.locator("section pre")).to_contain_text("401 in ")
    page.get_by_label("Token for trying calls").fill(site.host_token)
    call.get_by_label("query").fill("mug")
    call.get_by_role("button", name="Send").click()
    expect(call.locator("section pre")).to_contain_text("200 in ")
    expect(call.locator("section pre")).to_contain_text('"title": "Enamel Mug"')
    assert host.wrong == []


@pytest.mark.parametrize("path", ["/watch", "/host", "/docs"])
def test_nothing_hangs_over_the_edge_of_a_small_phone(site: Site, buyer: Window, path: str) -> None:
    buyer.may_fail.add("/v1/shows/current")
    buyer.page.goto(site.url + path)
    expect(buyer.page.get_by_role("heading").first).to_be_visible()
    buyer.page.wait_for_load_state("networkidle")
    assert sideways_px(buyer.page) == 0
    assert buyer.wrong == []


def test_who_waits_for_a_lamp_gets_the_one_that_comes_back(
    site: Site, browser: Browser, host: Window, buyer: Window
) -> None:
    desk, phone = host.page, buyer.page
    desk.goto(f"{site.url}/host#token={site.host_token}")
    desk.get_by_label("Title").fill(TITLE)
    desk.get_by_role("button", name="Create show").click()
    desk.get_by_role("button", name="Start show").click()
    expect(desk.locator("#state")).to_have_text("Live")
    show_id = desk.url.rpartition("show=")[2].partition("#")[0]
    desk.get_by_role("button", name="Open an offer for Desk Lamp").click()
    desk.get_by_label("Quantity").fill("1")
    desk.get_by_label("Per buyer").fill("1")
    desk.get_by_label("Countdown before").fill("0")
    desk.get_by_label("Open for").fill("120")
    desk.get_by_label("Time to pay after a wait").fill("0.5")
    desk.get_by_role("button", name="Open offer", exact=True).click()
    expect(desk.locator(".live-offer")).to_contain_text("Desk Lamp")

    first = Window(browser, PHONE)
    try:
        for page in (first.page, phone):
            page.goto(f"{site.url}/watch?show={show_id}")
            page.locator("#join-button").click()
            expect(page.locator("#who")).to_contain_text("Buying as demo-")
        holding, waiting = first.page.locator(".offer .main"), phone.locator(".offer .main")
        holding.click()
        expect(holding).to_contain_text("Pay €45.00 · ")

        expect(waiting).to_have_text("Join the waiting list")
        press_tab_until_on(phone, waiting)
        phone.keyboard.press("Enter")
        expect(waiting).to_have_text("You are next in line")
        expect(phone.get_by_role("button", name="Leave the waiting list")).to_be_visible()
        expect(desk.locator(".live-offer")).to_contain_text("1 waiting")
        assert sideways_px(phone) == 0
        phone.reload()
        expect(waiting).to_have_text("You are next in line")
        phone.get_by_role("button", name="Leave the waiting list").click()
        expect(waiting).to_have_text("Join the waiting list")
        expect(waiting).to_be_focused()
        phone.keyboard.press("Enter")
        expect(waiting).to_have_text("You are next in line")

        more = first.page.get_by_role("button", name="More time")
        more.click()
        expect(first.page.locator("#announcer")).to_have_text("You have more time to pay.")
        first.page.reload()
        more.click()
        expect(more).to_be_hidden()
        assert sideways_px(first.page) == 0
        first.page.get_by_role("button", name="Give it back").click()
        expect(waiting).to_contain_text("Pay €45.00 · 0:")
        expect(phone.locator(".offer")).to_contain_text("A unit came back and is yours.")
        expect(phone.get_by_role("button", name="Leave the waiting list")).to_be_hidden()
        expect(phone.get_by_role("button", name="More time")).to_be_visible()
        waiting.click()
        expect(phone.locator("#orders [data-order=confirmed]")).to_have_text("Confirmed")
        expect(holding).to_have_text("Sold out")
        assert first.wrong == []
    finally:
        first.close()
    assert buyer.wrong == []
    assert host.wrong == []
