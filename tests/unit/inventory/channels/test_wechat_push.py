"""What WeChat sends: by the published examples of its encryption, and by everything that is not from WeChat."""

import base64
import hashlib
import json

import pytest

from inventory.channels.channel import ChannelConfig
from inventory.channels.selling import PushRequest
from inventory.channels.wechat.channel_http import WechatKind
from inventory.channels.wechat.crypto import UndecipherableError, deciphered, is_signed, signature
from inventory.channels.wechat.fields import BODY_BYTES, XML_DEPTH, XML_ELEMENTS, UnreadableError, read_fields
from inventory.channels.wechat.push import WINDOW_S
from kit.errors import UnauthorisedError
from tests.fakes.channels.wechat_orders import CALLBACK_TOKEN, ENCODING_AES_KEY, Hook, WechatOrderDesk
from tests.fakes.channels.wechat_shop import APPID, WechatShop

NOW_S = 1_795_348_800
# The examples of wechatpy's tests.
TOKEN = "123456"
FOR = "wx49f0ab532d5d035a"
ECHO = ("1411443780", "437374425", "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96")
ECHO_SEALED = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="
MESSAGE = ("1411525903", "461056294", "74d92dfeb87ba7c714f89d98870ae5eb62dff26d")
MESSAGE_SEALED = (
    "RgqEoJj5A4EMYlLvWO1F86ioRjZfaex/gePD0gOXTxpsq5Yj4GNglrBb8I2BAJVODGajiFnXBu7mCPatfjsu6IHCrsTyeDXzF6Bv283dGymzxh6"
    "ydJRvZsryDyZbLTE7rhnus50qGPMfp2wASFlzEgMW9z1ef/RD8XzaFYgm7iTdaXpXaG4+BiYyolBug/gYNx410cvkKR2/nPwBiT+P4hIiOAQqGp"
    "/TywZBtDh1yCF2KOd0gpiMZ5jSw3e29mTvmUHzkVQiMS6td7vXUaWOMZnYZlF3So2SjHnwh4jYFxdgpkHHqIrH/54SNdshoQgWYEvccTKe7FS70"
    "9/5t6NMxuGhcUGAPOQipvWTT4dShyqio7mlsl5noTrb++x6En749zCpQVhDpbV6GDnTbcX2e8K9QaNWHp91eBdCRxthuL0="
)
KIND = WechatKind(clock_ms=lambda: NOW_S * 1000)
DESK = WechatOrderDesk(WechatShop(clock_ms=lambda: NOW_S * 1000))


def config(**secrets: str) -> ChannelConfig:
    callback = {"callback_token": CALLBACK_TOKEN, "encoding_aes_key": ENCODING_AES_KEY}
    return ChannelConfig(
        channel_id="c",
        kind="wechat",
        name="n",
        settings={"appid": APPID},
        secrets={"app_secret": "s", **callback, **secrets},
    )


def request(hook: Hook, **query: str) -> PushRequest:
    return PushRequest(query={**hook.query, **query}, headers={}, body=hook.body)


@pytest.mark.parametrize(("told", "sealed"), [(ECHO, ECHO_SEALED), (MESSAGE, MESSAGE_SEALED)])
def test_the_published_signatures(told: tuple[str, str, str], sealed: str) -> None:
    timestamp, nonce, right = told
    assert signature(TOKEN, timestamp, nonce, sealed) == right
    assert signature(sealed, nonce, TOKEN, timestamp) == right
    assert is_signed(right, TOKEN, timestamp, nonce, sealed)
    flipped = bytes([sealed.encode()[0] ^ 1]).decode() + sealed[1:]
    for wrong in (flipped, sealed + "\n", sealed.rstrip("=")):
        assert not is_signed(right, TOKEN, timestamp, nonce, wrong)
    assert not is_signed("", TOKEN, timestamp, nonce, sealed)
    assert not is_signed("é" * 40, TOKEN, timestamp, nonce, sealed)


def test_the_published_messages() -> None:
    assert deciphered(ENCODING_AES_KEY, ECHO_SEALED) == (b"5927782489442352469", FOR)
    message, meant_for = deciphered(ENCODING_AES_KEY, MESSAGE_SEALED)
    assert meant_for == FOR
    assert read_fields(message)["Content"] == "test"


@pytest.mark.parametrize(
    "encrypted",
    ["", "====", "no base 64", base64.b64encode(b"x" * 32).decode(), base64.b64encode(b"x" * 31).decode(), "QQ=="],
)
def test_what_was_not_encrypted_says_nothing(encrypted: str) -> None:
    with pytest.raises(UndecipherableError):
        deciphered(ENCODING_AES_KEY, encrypted)


def test_another_key_says_nothing() -> None:
    with pytest.raises(UndecipherableError):
        deciphered("a" * 43, MESSAGE_SEALED)


@pytest.mark.parametrize("as_xml", [False, True], ids=["JSON", "XML"])
@pytest.mark.parametrize("order_id", ["3705115058471208928", 3705115058471208928, 12345678901234567890123])
def test_an_event_names_its_order_with_every_digit(order_id: str | int, as_xml: bool) -> None:
    hook = DESK.hook("channels_ec_order_new", {"order_info": {"order_id": order_id}}, as_xml=as_xml)
    pushed = KIND.pushed(config(), request(hook))
    assert (pushed.answer, pushed.media_type) == (b"success", "text/plain")
    [event] = pushed.events
    assert (event.order_ids, event.trouble) == ((str(order_id),), "")
    assert event.event_id == f"channels_ec_order_new/{order_id}/{NOW_S}"


def test_the_same_event_has_the_same_name_and_another_one_another() -> None:
    first = DESK.hook("channels_ec_order_new", {"order_info": {"order_id": 1}})
    again = DESK.hook("channels_ec_order_new", {"order_info": {"order_id": 1}})
    paid = DESK.hook("channels_ec_order_pay", {"order_info": {"order_id": 1}})
    assert first.body != again.body
    names = [KIND.pushed(config(), request(hook)).events[0].event_id for hook in (first, again, paid)]
    assert names[0] == names[1] != names[2]


def test_a_refund_is_about_its_order() -> None:
    about = {"order_id": "12", "after_sale_order_id": 34, "status": "MERCHANT_REFUND_SUCCESS"}
    hook = DESK.hook("channels_ec_aftersale_update", {"finder_shop_aftersale_status_update": about})
    [event] = KIND.pushed(config(), request(hook)).events
    assert event.order_ids == ("12",)
    assert event.event_id == f"channels_ec_aftersale_update/12/{NOW_S}/34/MERCHANT_REFUND_SUCCESS"


def test_what_does_not_concern_stock_is_no_trouble() -> None:
    [event] = KIND.pushed(config(), request(DESK.hook("product_spu_audit", {"ProductSpuAudit": {}}))).events
    assert (event.order_ids, event.trouble) == ((), "")
    assert len(event.event_id) == 64


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"rubbish",
        b"[1]",
        b"\xff\xfe",
        b"<xml><Event>",
        b"{" * 10_000,
        json.dumps({"Event": "channels_ec_order_new"}).encode(),
        json.dumps({"Event": "channels_ec_order_new", "order_info": [1]}).encode(),
        json.dumps({"Event": "channels_ec_order_new", "order_info": {"order_id": {"a": 1}}}).encode(),
        json.dumps({"Event": "channels_ec_order_new", "order_info": {"order_id": "1/../2"}}).encode(),
    ],
)
def test_rubbish_inside_a_good_signature_is_trouble_and_answered(message: bytes) -> None:
    pushed = KIND.pushed(config(), request(DESK.sealed(message)))
    [event] = pushed.events
    assert (event.order_ids, pushed.answer) == ((), b"success")
    assert event.trouble
    assert event.event_id == hashlib.sha256(message).hexdigest()


def test_a_wrong_key_with_a_good_signature_is_trouble() -> None:
    hook = DESK.hook("channels_ec_order_new", {"order_info": {"order_id": 1}})
    [event] = KIND.pushed(config(encoding_aes_key="a" * 43), request(hook)).events
    assert "EncodingAESKey" in event.trouble
    assert event.event_id == hashlib.sha256(hook.body).hexdigest()


def test_a_message_for_another_app_is_refused() -> None:
    with pytest.raises(UnauthorisedError, match="another app"):
        KIND.pushed(config(), request(DESK.sealed(b"{}", appid="wxffffffffffffffff")))


@pytest.mark.parametrize(
    "query",
    [
        {"msg_signature": "0" * 40},
        {"msg_signature": ""},
        {"msg_signature": "é"},
        {"timestamp": str(NOW_S + 1)},
        {"timestamp": ""},
        {"timestamp": "yesterday"},
        {"timestamp": "\u0661"},
        {"timestamp": "9" * 40},
        {"nonce": "2"},
    ],
)
def test_what_is_signed_differently_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(UnauthorisedError):
        KIND.pushed(config(), request(DESK.sealed(b"{}"), **query))


def test_a_changed_body_is_refused_and_one_that_is_only_written_differently_is_not() -> None:
    hook = DESK.sealed(b"{}")
    fields = json.loads(hook.body)
    changed = fields | {"Encrypt": fields["Encrypt"][:-4] + "AAA="}
    with pytest.raises(UnauthorisedError):
        KIND.pushed(config(), request(Hook(query=hook.query, body=json.dumps(changed).encode())))
    # The signature covers what is encrypted, not how the envelope is written.
    rewritten = Hook(query=hook.query, body=json.dumps(fields, indent=2).encode())
    assert KIND.pushed(config(), request(rewritten)).events[0].trouble == ""


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Encrypt":""}', b'{"Encrypt":5.5}', b"rubbish", b'{"Event":"x"}'])
def test_what_is_not_encrypted_is_refused(body: bytes) -> None:
    hook = DESK.greeting("x")
    plain = PushRequest(query={**hook.query, "msg_signature": hook.query["signature"]}, headers={}, body=body)
    with pytest.raises(UnauthorisedError):
        KIND.pushed(config(), plain)


@pytest.mark.parametrize(("age_s", "is_good"), [(WINDOW_S, True), (-WINDOW_S, True), (WINDOW_S + 1, False)])
def test_an_old_signature_is_refused(age_s: int, is_good: bool) -> None:
    hook = DESK.sealed(b"{}")
    kind = WechatKind(clock_ms=lambda: (NOW_S + age_s) * 1000)
    if is_good:
        assert kind.pushed(config(), request(hook)).events
        return
    with pytest.raises(UnauthorisedError, match="too old"):
        kind.pushed(config(), request(hook))


def test_a_channel_without_a_callback_token_takes_nothing() -> None:
    old = ChannelConfig(channel_id="c", kind="wechat", name="n", settings={"appid": APPID}, secrets={"app_secret": "s"})
    for hook in (DESK.sealed(b"{}"), Hook(query={}, body=b"")):
        with pytest.raises(UnauthorisedError, match="without a callback token"):
            KIND.pushed(old, request(hook))
        with pytest.raises(UnauthorisedError):
            KIND.greeted(old, request(hook))


def test_a_greeting_is_said_back() -> None:
    assert KIND.greeted(config(), request(DESK.greeting("5927782489442352469"))) == b"5927782489442352469"


@pytest.mark.parametrize(
    "query", [{"signature": "0" * 40}, {"nonce": "2"}, {"timestamp": "0"}, {"echostr": ""}, {"echostr": "x" * 2000}]
)
def test_a_greeting_of_somebody_else_is_not(query: dict[str, str]) -> None:
    with pytest.raises(UnauthorisedError):
        KIND.greeted(config(), request(DESK.greeting("1"), **query))


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><a>&a;</a></xml>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x"><xml><a>1</a></xml>',
        b"<!DOCTYPE x><xml><a>1</a></xml>",
        b"<xml><a>&b;</a></xml>",
        b'<?xml version="1.0" encoding="no-such"?><xml/>',
        b'<?xml version="1.0" encoding="utf-7"?><xml/>',
        b'<?xml version="1.0" encoding="shift_jis"?><xml><a>1</a></xml>',
        b"<xml>" + b"<a>" * XML_DEPTH + b"</a>" * XML_DEPTH + b"</xml>",
        b"<xml>" + b"<a/>" * XML_ELEMENTS + b"</xml>",
        b"<xml>" + b"a" * BODY_BYTES + b"</xml>",
        b"<xml></xml><xml></xml>",
        b"<",
    ],
)
def test_xml_that_does_more_than_name_fields_is_not_read(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_fields(body)


def test_xml_is_read_as_its_fields() -> None:
    body = b"\n<xml><A><![CDATA[<1>]]></A><B><C> 2 </C><D/></B></xml>"
    assert read_fields(body) == {"A": "<1>", "B": {"C": "2", "D": ""}}
