"""Snapchat without a network: settings, what makes a feed, and what answers mean."""

import msgspec
import pytest

from inventory.channels.channel import BY_SKU, ChannelDownError
from inventory.channels.feeds import FeedSettings, FeedTokens
from inventory.channels.limits import SAID_CHARS
from inventory.channels.snapchat.answers import (
    Feeds,
    Tokens,
    feed_at,
    feed_body,
    made,
    read_answer,
    sentence,
)
from inventory.channels.snapchat.channel_http import SnapchatKind
from kit.errors import InvalidError

GOOD = {
    "catalog_id": "8fdeefec-f502-4ca8-9a84-6411e0a51058",
    "client_id": "snap-client-1",
    "client_secret": "snap-client-secret",
    "refresh_token": "snap-refresh-token",
    "api_url": "https://api.shop.example",
    "default_currency": "EUR",
    "link_template": "https://shop.example/p/{sku}",
}
URL = "https://api.shop.example/v1/feeds/chan_1/token.csv"


def kind() -> SnapchatKind:
    return SnapchatKind(feed_path=FeedTokens("a secret of thirty-two characters").path)


def feeds(*urls: str | None, **more: object) -> Feeds:
    some = [
        {
            "sub_request_status": "SUCCESS",
            "product_feed": {"id": f"f{n}", "schedule": None if url is None else {"url": url}},
        }
        for n, url in enumerate(urls)
    ]
    body = {"request_status": "SUCCESS", "request_id": "r", "product_feeds": some} | more
    return read_answer(msgspec.json.encode(body), Feeds)


async def test_what_is_set_up_serves_the_feed_and_keeps_its_secrets_apart() -> None:
    prepared = await kind().prepare(GOOD)
    assert prepared.secrets == {
        "client_secret": "snap-client-secret",
        "refresh_token": "snap-refresh-token",
        "access_token": "",
        "access_token_expires_at": "0",
        "feed_id": "",
    }
    feed = msgspec.json.decode(msgspec.json.encode(prepared.settings), type=FeedSettings)
    assert feed == FeedSettings(format="snapchat", link_template="https://shop.example/p/{sku}")
    assert kind().item_form == BY_SKU


@pytest.mark.parametrize("url", ["https://api.shop.example:8443/shop", "http://127.0.0.1:8000", "http://localhost:1"])
async def test_our_address_is_public_or_on_this_machine(url: str) -> None:
    assert (await kind().prepare(GOOD | {"api_url": url})).settings["api_url"] == url


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("catalog_id", ""),
        ("catalog_id", "a/../b"),
        ("client_id", ""),
        ("client_secret", "two words"),
        ("refresh_token", ""),
        ("api_url", "http://api.shop.example"),
        ("api_url", "https://api.shop.example/"),
        ("api_url", "https://user:pass@api.shop.example"),
        ("api_url", "https://api.shop.example?a=b"),
        ("api_url", "https://api.shop.example?"),
        ("api_url", "https://[api"),
        ("api_url", "https://api.shop.example:99999"),
        ("api_url", "ftp://api.shop.example"),
        ("default_currency", "eur"),
        ("default_currency", "XXX"),
        ("schedule", "HOURLY"),
        ("schedule", "{]}"),
        ("schedule", "{" + '"a":{' * 10_000 + "}" * 10_001),
        ("link_template", "https://shop.example/p"),
        ("image_template", "https://shop.example/p"),
        ("condition", "shiny"),
        ("format", "snapchat"),
        ("feed_id", "1"),
    ],
)
async def test_a_wrong_setting_is_named_and_a_secret_is_not(field: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await kind().prepare(GOOD | {field: value})
    assert caught.value.details["field"] == field
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize("missing", ["catalog_id", "client_secret", "api_url", "default_currency", "link_template"])
async def test_a_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await kind().prepare({name: text for name, text in GOOD.items() if name != missing})
    assert caught.value.details["field"] == missing


def test_the_merchants_schedule_cannot_lead_elsewhere() -> None:
    schedule = {"interval": "DAILY", "hour": 3, "url": "https://other.example/"}
    assert feed_body("c", url=URL, currency="EUR", schedule=schedule) == {
        "product_feeds": [
            {
                "catalog_id": "c",
                "name": "Showdrop",
                "default_currency": "EUR",
                "status": "ACTIVE",
                "schedule": {"interval": "DAILY", "hour": 3, "url": URL},
            }
        ]
    }


def test_our_feed_is_found_by_its_address() -> None:
    assert feed_at(feeds("https://a.example/", None, URL).product_feeds, URL) == "f2"
    assert feed_at(feeds(f"{URL}x", URL[:-1]).product_feeds, URL) is None


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        (None, None),
        ("", None),
        ("https://adsapi.snapchat.com/v1/catalogs/c/product_feeds?limit=100&cursor=Cj%3D1", "Cj=1"),
        ("https://elsewhere.example/?cursor=x", "x"),
        ("https://adsapi.snapchat.com/v1/catalogs/c/product_feeds", None),
    ],
)
def test_a_page_goes_on_with_its_cursor_and_nowhere_else(link: str | None, cursor: str | None) -> None:
    assert feeds(paging={"next_link": link}).next == cursor


def test_a_feed_was_made_when_both_states_say_so() -> None:
    assert made(feeds(URL)) == "f0"
    assert made(feeds(URL, request_status="ERROR")) == ""
    failed = {"sub_request_status": "ERROR", "sub_request_error_reason": "no schedule"}
    assert made(feeds(product_feeds=[failed])) == ""
    for neither in (feeds(), feeds(URL, URL), feeds(product_feeds=[{"sub_request_status": "SUCCESS"}])):
        with pytest.raises(ChannelDownError):
            made(neither)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'"\xff"', b'{"x":' + b"[" * 100_000])
def test_what_cannot_be_read_leaves_everything_unknown(body: bytes) -> None:
    with pytest.raises(ChannelDownError, match="cannot be read"):
        read_answer(body, Feeds)
    with pytest.raises(ChannelDownError, match="cannot be read"):
        read_answer(body, Tokens)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"display_message":"try again","debug_message":"E1"}', "no (Snapchat: try again)"),
        ('{"debug_message":"E1\\nE2"}', "no (Snapchat: E1 E2)"),
        ('{"error":"invalid_grant"}', "no (Snapchat: invalid_grant)"),
        (
            '{"request_status":"ERROR","product_feeds":[{"sub_request_error_reason":"no schedule"}]}',
            "no (Snapchat: no schedule)",
        ),
        ("<html>", "no (Snapchat: it gives no reason)"),
    ],
)
def test_a_refusal_is_one_sentence(text: str, said: str) -> None:
    assert sentence("no", text) == said
    assert len(sentence("no", '{"error":"%s"}' % ("x" * 9_000))) < SAID_CHARS + 30


def test_tokens_are_not_shown() -> None:
    assert "secret" not in repr(Tokens(access_token="secret-1", expires_in=1, refresh_token="secret-2"))
