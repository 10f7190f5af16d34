"""What WeChat sends to a shop's address here: verified and read. Pure.

The rules: https://developers.weixin.qq.com/doc/store/shop/notify/. Only encrypted messages are taken: the signature of
a plain one does not cover what it says.
"""

import hashlib
from typing import Final

from inventory.channels.selling import Pushed, PushedEvent, PushRequest
from inventory.channels.wechat.crypto import UndecipherableError, deciphered, is_signed
from inventory.channels.wechat.fields import Fields, UnreadableError, object_of, read_fields, text_of
from kit.errors import UnauthorisedError

WINDOW_S: Final = 3_600
"""How old or how far ahead a signature may be. What is sent again after a failure may carry its first time, and to hear
a message twice only makes us read its order again."""

ECHO_CHARS: Final = 1_024
"""The longest text that is said back to a greeting; WeChat's have some twenty digits."""

_ANSWER: Final = b"success"
_ORDER: Final = "channels_ec_order_"
_AFTERSALE: Final = "channels_ec_aftersale_update"
_DIGITS: Final = frozenset("0123456789")


def greet(request: PushRequest, *, token: str, now_s: int) -> bytes:
    """Return what WeChat wants to hear before it calls an address.

    Args:
        request: a GET.
        token: the callback token; blank where none was set up.
        now_s: the wall clock.

    Raises:
        UnauthorisedError: it is not WeChat that asks.
    """
    query = request.query
    echo = query.get("echostr", "")
    timestamp = _timestamp(request, token, now_s)
    if not is_signed(query.get("signature", ""), token, timestamp, query.get("nonce", "")):
        raise UnauthorisedError("the signature does not match")
    if not 0 < len(echo) <= ECHO_CHARS:
        raise UnauthorisedError("there is nothing to say back")
    return echo.encode()


def push(request: PushRequest, *, token: str, encoding_aes_key: str, appid: str, now_s: int) -> Pushed:
    """Verify a message and read what it says.

    Args:
        request: a POST.
        token: the callback token; blank where none was set up.
        encoding_aes_key: the key; set up together with the token.
        appid: of our app.
        now_s: the wall clock.

    Raises:
        UnauthorisedError: it is not from WeChat, or not for this app.
    """
    query = request.query
    timestamp = _timestamp(request, token, now_s)
    try:
        encrypted = text_of(read_fields(request.body), "Encrypt")
    except UnreadableError as error:
        raise UnauthorisedError("nothing in it is signed") from error
    if not encrypted or not is_signed(
        query.get("msg_signature", ""), token, timestamp, query.get("nonce", ""), encrypted
    ):
        raise UnauthorisedError("the signature does not match")
    try:
        message, meant_for = deciphered(encoding_aes_key, encrypted)
    except UndecipherableError:
        trouble = "it is signed well and cannot be deciphered; is the EncodingAESKey right?"
        return _heard(PushedEvent(event_id=_hash(request.body), trouble=trouble))
    if meant_for != appid:
        raise UnauthorisedError("the message is for another app")
    return _heard(_event(message))


def _heard(event: PushedEvent) -> Pushed:
    return Pushed(events=(event,), answer=_ANSWER, media_type="text/plain")


def _timestamp(request: PushRequest, token: str, now_s: int) -> str:
    """Return the signed time, which is not too far from now."""
    timestamp = request.query.get("timestamp", "")
    if not token:
        raise UnauthorisedError("this channel was set up without a callback token")
    if not 0 < len(timestamp) <= 12 or not _DIGITS.issuperset(timestamp):
        raise UnauthorisedError("timestamp is missing")
    if abs(int(timestamp) - now_s) > WINDOW_S:
        raise UnauthorisedError("the signature is too old")
    return timestamp


def _event(message: bytes) -> PushedEvent:
    try:
        fields = read_fields(message)
    except UnreadableError as error:
        return PushedEvent(event_id=_hash(message), trouble=f"it is signed well and cannot be read: {error}")
    name = text_of(fields, "Event")
    if name.startswith(_ORDER):
        return _order_event(message, fields, object_of(fields, "order_info"), name)
    if name == _AFTERSALE:
        return _order_event(message, fields, object_of(fields, "finder_shop_aftersale_status_update"), name)
    return PushedEvent(event_id=_hash(message))


def _order_event(message: bytes, fields: Fields, about: Fields, name: str) -> PushedEvent:
    order_id = text_of(about, "order_id")
    if not order_id or not _DIGITS.issuperset(order_id):
        return PushedEvent(event_id=_hash(message), trouble=f"{name} names no order")
    # WeChat gives its messages no name; these are what it tells them apart by.
    told = [name, order_id, text_of(fields, "CreateTime")]
    if name == _AFTERSALE:
        told += [text_of(about, "after_sale_order_id"), text_of(about, "status")]
    return PushedEvent(event_id="/".join(told), order_ids=(order_id,))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
