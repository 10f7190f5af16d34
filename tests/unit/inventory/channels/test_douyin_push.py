"""What Douyin sends: by the published signatures, in all its forms, and what is not from Douyin."""

import hashlib
import json
from typing import Any

import pytest

from inventory.channels.channel import ChannelConfig
from inventory.channels.douyin.channel_http import DouyinKind
from inventory.channels.douyin.push import MESSAGES_MOST, sign_push
from inventory.channels.selling import PushedEvent, PushRequest
from kit.errors import UnauthorisedError
from tests.fakes.channels.douyin_orders import DouyinOrderDesk, Hook
from tests.fakes.channels.douyin_shop import DouyinShop

MD5 = "52ffa83d0da319aa6394a013350c7556"
HMAC = "382c11208cd1f85f08f12c576fa0f80fd8482203d56894a3aab0b188cf2049da"
KIND = DouyinKind()
SHOP = DouyinShop()


def desk(*, by_hmac: bool = False) -> DouyinOrderDesk:
    made = DouyinOrderDesk(SHOP)
    made.by_hmac = by_hmac
    return made


def config(**settings: str) -> ChannelConfig:
    return ChannelConfig(
        channel_id="c",
        kind="douyin",
        name="n",
        settings={"app_key": SHOP.app_key, "shop_id": str(SHOP.shop_id), **settings},
        secrets={"app_secret": SHOP.app_secret},
    )


def events(hook: Hook, **settings: str) -> tuple[PushedEvent, ...]:
    return KIND.pushed(config(**settings), PushRequest(query={}, headers=hook.headers, body=hook.body)).events


def test_the_published_signatures() -> None:
    known = {"app_id": "fixed-app", "app_secret": "fixed-secret"}
    assert sign_push(b"body", **known, how="md5") == MD5
    assert sign_push(b"body", **known, how="hmac-sha256") == HMAC
    for wrong in (b"bodx", b"body ", b'"body"'):
        assert sign_push(wrong, **known, how="md5") != MD5
        assert sign_push(wrong, **known, how="hmac-sha256") != HMAC


def test_a_message_names_its_order_and_is_answered() -> None:
    hook = desk().push([{"tag": "101", "msg_id": "7084", "data": '{"p_id":4781320682406083640,"shop_id":4463798}'}])
    pushed = KIND.pushed(config(), PushRequest(query={}, headers=hook.headers, body=hook.body))
    assert pushed.events == (PushedEvent(event_id="101/7084", order_ids=("4781320682406083640",)),)
    assert (json.loads(pushed.answer), pushed.media_type) == ({"code": 0, "msg": "success"}, "application/json")


@pytest.mark.parametrize("tag", [100, "100", 101, 106, 108, 110, "200", 206, 207])
@pytest.mark.parametrize("name", ["msg_id", "msgId"])
@pytest.mark.parametrize("number", ["77", 77])
@pytest.mark.parametrize("p_id", ["12345678901234567890123", 12345678901234567890123])
@pytest.mark.parametrize("as_text", [True, False])
def test_all_forms_of_a_message_are_the_same(
    tag: int | str, name: str, number: int | str, p_id: int | str, as_text: bool
) -> None:
    data: Any = {"p_id": p_id, "s_ids": [1], "shop_id": str(SHOP.shop_id)}
    message = {"tag": tag, name: number, "data": json.dumps(data) if as_text else data}
    assert events(desk().push([message])) == (
        PushedEvent(event_id=f"{tag}/77", order_ids=("12345678901234567890123",)),
    )


def test_a_push_of_several_messages_has_an_event_for_each() -> None:
    made = desk()
    found = events(made.push([made.message(tag, {"p_id": tag}) for tag in (100, 101, 400)]))
    assert [one.order_ids for one in found] == [("100",), ("101",), ()]
    assert len({one.event_id for one in found}) == 3


def test_messages_without_a_name_get_one_from_the_body() -> None:
    hook = desk().push([{"tag": 101, "data": {"p_id": 1}}, {"tag": 101, "data": {"p_id": 1}}])
    whole = hashlib.sha256(hook.body).hexdigest()
    assert [one.event_id for one in events(hook)] == [f"101/{whole}/0", f"101/{whole}/1"]


def test_the_probe_is_nothing_and_no_trouble() -> None:
    assert events(desk().probe()) == (PushedEvent(event_id="0/0"),)


@pytest.mark.parametrize("tag", [400, 417, "113x", "", -100, 10**9])
def test_what_does_not_concern_orders_is_no_trouble(tag: int | str) -> None:
    [event] = events(desk().push([{"tag": tag, "msg_id": "1", "data": "no JSON"}]))
    assert (event.order_ids, event.trouble) == ((), "")


def test_what_is_about_another_shop_of_the_app_is_passed_over() -> None:
    [event] = events(desk().push([{"tag": 101, "msg_id": "1", "data": {"p_id": 1, "shop_id": 5}}]))
    assert (event.order_ids, event.trouble) == ((), "")


@pytest.mark.parametrize("body", [b"", b"rubbish", b"{}", b"[]", b"[1]", b'[{"data":{}}]', b"[" * 9_999, b"\xff"])
def test_rubbish_inside_a_good_signature_is_one_event_with_trouble(body: bytes) -> None:
    [event] = events(desk().sealed(body))
    assert event.trouble
    assert (event.event_id, event.order_ids) == (hashlib.sha256(body).hexdigest(), ())


def test_too_many_messages_are_trouble() -> None:
    [event] = events(desk().push([{"tag": 0, "msg_id": 1}] * (MESSAGES_MOST + 1)))
    assert str(MESSAGES_MOST + 1) in event.trouble


@pytest.mark.parametrize("data", [None, "rubbish", "[]", "{}", 5, [], {"p_id": None}, {"p_id": "x"}, {"p_id": {}}])
def test_a_message_whose_order_cannot_be_read_is_trouble_and_the_others_are_not(data: object) -> None:
    good = {"tag": 101, "msg_id": 2, "data": {"p_id": 9}}
    first, second = events(desk().push([{"tag": 101, "msg_id": 1, "data": data}, good]))
    assert (first.event_id, first.order_ids, second.order_ids) == ("101/1", (), ("9",))
    assert "101" in first.trouble


@pytest.mark.parametrize(("setting", "by_hmac"), [("md5", True), ("hmac-sha256", False)])
def test_only_the_way_of_signing_that_is_set_is_taken(setting: str, by_hmac: bool) -> None:
    assert events(desk(by_hmac=not by_hmac).probe(), push_sign=setting)
    with pytest.raises(UnauthorisedError):
        events(desk(by_hmac=by_hmac).probe(), push_sign=setting)


def test_a_channel_of_before_takes_md5() -> None:
    with pytest.raises(UnauthorisedError):
        events(desk(by_hmac=True).probe())
    assert events(desk().probe())


@pytest.mark.parametrize("by_hmac", [False, True])
def test_what_is_changed_or_written_differently_is_refused(by_hmac: bool) -> None:
    setting = {"push_sign": "hmac-sha256" if by_hmac else "md5"}
    hook = desk(by_hmac=by_hmac).push([{"tag": 101, "msg_id": 1, "data": {"p_id": 1}}])
    flipped = hook.body[:-2] + bytes([hook.body[-2] ^ 1]) + hook.body[-1:]
    rewritten = json.dumps(json.loads(hook.body), separators=(",", ":")).encode()
    for body in (flipped, rewritten, b""):
        with pytest.raises(UnauthorisedError):
            events(Hook(headers=hook.headers, body=body), **setting)
    for sign in ("", "0" * 32, "é"):
        with pytest.raises(UnauthorisedError):
            events(Hook(headers=hook.headers | {"event-sign": sign}, body=hook.body), **setting)
    with pytest.raises(UnauthorisedError):
        events(Hook(headers={}, body=hook.body), **setting)
