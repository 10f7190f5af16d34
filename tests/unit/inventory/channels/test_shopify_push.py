"""What Shopify pushes: the signature, and what is made of the body."""

import base64
import hashlib
import hmac
import json

import pytest

from inventory.channels.channel import ChannelConfig
from inventory.channels.selling import PushedEvent, Pushes, PushRequest
from inventory.channels.shopify.channel_http import ShopifyKind
from inventory.channels.shopify.push import pushed
from kit.errors import UnauthorisedError

SECRET, SHOP = "shhh", "my-shop.myshopify.com"
BODY = '{"id":1,"a":"é"}'.encode()
SIGNED = "JtpniuIEsobwJa2iELYZ8vTwv7JPxGqyl2wlrMjpfxU="
EVENT = "98880550-7158-44d4-b7cd-2c97c8a091b5"


def request(body: bytes = BODY, signature: str = SIGNED, **headers: str) -> PushRequest:
    given = {"x-shopify-topic": "orders/create", "x-shopify-shop-domain": SHOP, "x-shopify-event-id": EVENT}
    named = {f"x-shopify-{name.replace('_', '-')}": value for name, value in headers.items()}
    return PushRequest(query={}, headers=given | {"x-shopify-hmac-sha256": signature} | named, body=body)


def event(body: bytes, **headers: str) -> PushedEvent:
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    (event,) = pushed(SECRET, SHOP, request(body, signature, **headers)).events
    return event


def config(**secrets: str) -> ChannelConfig:
    return ChannelConfig(channel_id="ch_1", kind="shopify", name="", settings={"shop": SHOP}, secrets=secrets)


def test_the_known_push_is_taken_and_answered_with_nothing() -> None:
    kind = ShopifyKind()
    assert isinstance(kind, Pushes)
    taken = kind.pushed(config(client_secret=SECRET), request())
    assert taken.answer == b""
    assert taken.events == (PushedEvent(event_id=f"orders/create {EVENT}", order_ids=("1",)),)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY[:-3] + bytes([BODY[-3] ^ 1]) + BODY[-2:], SIGNED),
        (json.dumps(json.loads(BODY)).encode(), SIGNED),
        (BODY, SIGNED.lower()),
        (BODY, SIGNED[:-1]),
        (BODY, "ü" * 44),
        (BODY, ""),
    ],
)
def test_anything_else_is_not(body: bytes, signature: str) -> None:
    with pytest.raises(UnauthorisedError):
        pushed(SECRET, SHOP, request(body, signature))


@pytest.mark.parametrize("secrets", [{}, {"client_secret": ""}])
def test_without_the_secret_nothing_is_taken(secrets: dict[str, str]) -> None:
    signature = base64.b64encode(hmac.new(b"", BODY, hashlib.sha256).digest()).decode()
    with pytest.raises(UnauthorisedError):
        ShopifyKind().pushed(config(**secrets), request(signature=signature))


@pytest.mark.parametrize(
    ("topic", "body", "order_id"),
    [
        ("orders/updated", b'{"id":18446744073709551617}', "18446744073709551617"),
        ("orders/cancelled", b'{"id":"7","order_id":8}', "7"),
        ("orders/delete", b'{"id":7}', "7"),
        ("orders/edited", b'{"order_edit":{"id":5,"order_id":7}}', "7"),
        ("refunds/create", b'{"id":5,"order_id":7}', "7"),
        ("fulfillments/create", b'{"id":5,"order_id":7}', "7"),
    ],
)
def test_an_order_is_named_with_all_its_digits(topic: str, body: bytes, order_id: str) -> None:
    assert event(body, topic=topic).order_ids == (order_id,)


@pytest.mark.parametrize("topic", ["products/update", "app/uninstalled", "inventory_levels/update", ""])
def test_a_push_about_something_else_is_no_trouble(topic: str) -> None:
    made = event(b'{"id":5}', topic=topic)
    assert (made.order_ids, made.trouble) == ((), "")


def test_a_push_that_comes_again_has_the_same_event_id_and_another_one_another() -> None:
    again = event(BODY, webhook_id="another-delivery")
    assert again.event_id == event(BODY).event_id
    assert event(BODY, topic="orders/updated").event_id != event(BODY).event_id
    assert event(BODY, event_id="another").event_id != event(BODY).event_id


@pytest.mark.parametrize("event_id", ["", "two words", "x" * 101, "ü"])
def test_an_event_id_that_is_none_is_the_deliverys_or_the_bodys(event_id: str) -> None:
    assert event(BODY, event_id=event_id, webhook_id="w-1").event_id == "orders/create w-1"
    assert event(BODY, event_id=event_id, webhook_id="").event_id == hashlib.sha256(BODY).hexdigest()


def test_a_push_of_another_shop_of_the_app_is_trouble() -> None:
    assert event(BODY, shop_domain="other.myshopify.com").trouble
    assert event(BODY, shop_domain=SHOP.upper()).order_ids == ("1",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        b'{"id":null}',
        b'{"id":{}}',
        b'{"id":"' + b"9" * 21 + b'"}',
        b"[" * 99_999,
    ],
)
def test_rubbish_with_a_good_signature_is_trouble_and_not_refused(body: bytes) -> None:
    made = event(body)
    assert made.trouble
    assert made.order_ids == ()
    assert 0 < len(made.event_id) <= 200
