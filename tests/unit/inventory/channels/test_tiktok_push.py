"""What TikTok Shop pushes: the published signature, and what is made of the body."""

import hashlib
import hmac
import json

import pytest

from inventory.channels.channel import ChannelConfig
from inventory.channels.selling import PushedEvent, Pushes, PushRequest
from inventory.channels.tiktok.channel_http import TikTokKind
from inventory.channels.tiktok.push import pushed
from kit.errors import UnauthorisedError

KEY, SECRET = "fake_app_key", "fake_app_secret"
BODY = (
    b'{"type":1,"shop_id":"7494726673780148744","timestamp":1664095733,"data":{"order_id":"576684019603311365",'
    b'"order_status":"AWAITING_SHIPMENT","update_time":1664095610}}'
)
SIGNED = "21109834de72ec53c9959716d8514ae388ce1f123e5ffdcafc46713fcdf62b27"


def request(body: bytes = BODY, signature: str = SIGNED) -> PushRequest:
    return PushRequest(query={}, headers={"authorization": signature}, body=body)


def event(body: bytes) -> PushedEvent:
    signature = hmac.new(SECRET.encode(), KEY.encode() + body, hashlib.sha256).hexdigest()
    (event,) = pushed(KEY, SECRET, request(body, signature)).events
    return event


def test_the_published_push_is_taken_and_answered_with_nothing() -> None:
    kind = TikTokKind()
    assert isinstance(kind, Pushes)
    config = ChannelConfig(
        channel_id="ch_1", kind="tiktok", name="", settings={"app_key": KEY}, secrets={"app_secret": SECRET}
    )
    taken = kind.pushed(config, request())
    assert taken.answer == b""
    (event,) = taken.events
    assert event == PushedEvent(event_id=hashlib.sha256(BODY).hexdigest(), order_ids=("576684019603311365",))


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY[:-10] + bytes([BODY[-10] ^ 1]) + BODY[-9:], SIGNED),
        (json.dumps(json.loads(BODY)).encode(), SIGNED),
        (BODY, SIGNED.upper()),
        (BODY, SIGNED[:-1]),
        (BODY, "ü" * 64),
        (BODY, ""),
    ],
)
def test_anything_else_is_not(body: bytes, signature: str) -> None:
    with pytest.raises(UnauthorisedError):
        pushed(KEY, SECRET, request(body, signature))


def test_a_push_without_a_signature_is_not_taken() -> None:
    with pytest.raises(UnauthorisedError):
        pushed(KEY, SECRET, PushRequest(query={}, headers={}, body=BODY))


@pytest.mark.parametrize("kind", [1, 11])
@pytest.mark.parametrize("number", ["576486316948490001", "18446744073709551617"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_an_order_is_named_with_all_its_digits(kind: int, number: str, quote: str) -> None:
    body = f'{{"type":{kind},"tts_notification_id":"7327","data":{{"order_id":{quote}{number}{quote}}}}}'.encode()
    assert event(body) == PushedEvent(event_id="7327", order_ids=(number,))


def test_the_same_push_has_the_same_event_id_and_another_one_another() -> None:
    other = BODY.replace(b"1664095610", b"1664095611")
    assert event(BODY) == event(BODY)
    assert event(BODY).event_id != event(other).event_id


def test_a_push_about_something_else_is_no_trouble() -> None:
    assert event(b'{"type":5,"tts_notification_id":7,"data":{"product_id":1}}') == PushedEvent(event_id="7")
    assert event(b'{"type":6,"tts_notification_id":"8","data":null}') == PushedEvent(event_id="8")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b'{"type":"x"}',
        b'{"type":1}',
        b'{"type":1,"data":{"order_id":{}}}',
        b'{"type":1,"data":{"order_id":null}}',
        b'{"type":1,"data":{"order_id":"' + b"9" * 101 + b'"}}',
        b"[" * 100_000,
    ],
)
def test_rubbish_with_a_good_signature_is_trouble_and_not_refused(body: bytes) -> None:
    made = event(body)
    assert made.trouble
    assert made.order_ids == ()
    assert 0 < len(made.event_id) <= 200
