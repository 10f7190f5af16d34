"""What Douyin sends to a shop's address here: verified and read. Pure.

The rules: https://op.jinritemai.com/docs/guide-docs/153/99. One push holds several messages. How it is signed is a
setting: MD5, or HMAC with SHA-256. Whichever matched would do for an attacker too, so only the one that is set is
looked at, whatever the push says of itself.
"""

import hashlib
import hmac
from typing import Final, Literal

import msgspec

from inventory.channels.selling import Pushed, PushedEvent, PushRequest
from inventory.channels.unreadable import UNREADABLE
from kit.errors import UnauthorisedError

PushSign = Literal["md5", "hmac-sha256"]
"""How pushes are signed."""

MESSAGES_MOST: Final = 500
"""Messages of one push that are read; known ones have a handful."""

_ANSWER: Final = b'{"code":0,"msg":"success"}'
_PROBE: Final = "0"
_ORDERS: Final = range(100, 120)
_REFUNDS: Final = range(200, 300)
_DIGITS: Final = frozenset("0123456789")

_Id = int | str


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    tag: _Id
    msg_id: _Id | None = None
    other_id: _Id | None = msgspec.field(name="msgId", default=None)
    data: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def name(self) -> str:
        """What Douyin calls the message; nothing if it does not."""
        told = self.msg_id if self.msg_id is not None else self.other_id
        return "" if told is None else str(told)


class _About(msgspec.Struct, frozen=True, kw_only=True):
    p_id: _Id | None = None
    shop_id: _Id | None = None


def sign_push(body: bytes, *, app_id: str, app_secret: str, how: PushSign) -> str:
    """Return ``event-sign`` of a push."""
    signed = app_id.encode() + body + app_secret.encode()
    if how == "md5":
        return hashlib.md5(signed).hexdigest()  # noqa: S324 - Douyin's choice
    return hmac.new(app_secret.encode(), signed, hashlib.sha256).hexdigest()


def push(request: PushRequest, *, app_id: str, app_secret: str, how: PushSign, shop_id: str) -> Pushed:
    """Verify a push and read what it says.

    An app has one address for all shops that use it: what is about another shop than ``shop_id`` is passed over.

    Raises:
        UnauthorisedError: the signature is missing or wrong.
    """
    right = sign_push(request.body, app_id=app_id, app_secret=app_secret, how=how)
    if not hmac.compare_digest(request.headers.get("event-sign", "").lower().encode(), right.encode()):
        raise UnauthorisedError("the signature does not match")
    return Pushed(events=_events(request.body, shop_id), answer=_ANSWER)


def _events(body: bytes, shop_id: str) -> tuple[PushedEvent, ...]:
    whole = hashlib.sha256(body).hexdigest()
    try:
        messages = msgspec.json.decode(body, type=list[_Message])
    except UNREADABLE:
        return (PushedEvent(event_id=whole, trouble="it is signed well and is no list of messages"),)
    if not 0 < len(messages) <= MESSAGES_MOST:
        return (PushedEvent(event_id=whole, trouble=f"it holds {len(messages)} messages"),)
    return tuple(
        _event(message, f"{message.tag}/{message.name or f'{whole}/{number}'}", shop_id)
        for number, message in enumerate(messages)
    )


def _event(message: _Message, event_id: str, shop_id: str) -> PushedEvent:
    tag = str(message.tag)
    number = int(tag) if 0 < len(tag) <= 6 and _DIGITS.issuperset(tag) else -1
    if tag == _PROBE or (number not in _ORDERS and number not in _REFUNDS):
        return PushedEvent(event_id=event_id)
    try:
        data = bytes(message.data)
        # The data is an object, or an object written as a text.
        if data.lstrip()[:1] == b'"':
            data = msgspec.json.decode(data, type=str).encode()
        about = msgspec.json.decode(data, type=_About)
    except UNREADABLE:
        return PushedEvent(event_id=event_id, trouble=f"the data of a message with tag {tag} cannot be read")
    if about.shop_id is not None and str(about.shop_id) != shop_id:
        return PushedEvent(event_id=event_id)
    order_id = "" if about.p_id is None else str(about.p_id)
    if not order_id or not _DIGITS.issuperset(order_id):
        return PushedEvent(event_id=event_id, trouble=f"a message with tag {tag} names no order")
    return PushedEvent(event_id=event_id, order_ids=(order_id,))
