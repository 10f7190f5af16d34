"""What TikTok Shop pushes: verified and read. Pure.

The guide is "TikTok Shop webhooks overview" at https://partner.tiktokshop.com/docv2. The signature covers the app's key
and the body; there is no moment in it, so a push may be played again: it only leads to one more look at an order.

A push names its shop by ``shop_id``. A channel is set up with the shop's cipher and does not know that id, so there is
nothing to compare it with: where several shops use one app, pushes about all of them are taken. An order of another
shop is asked for, not found with this cipher, and ends as one that the channel does not know.
"""

import hashlib
import hmac
from typing import Final

import msgspec

from inventory.channels.selling import Pushed, PushedEvent, PushRequest
from inventory.channels.unreadable import UNREADABLE
from kit.errors import UnauthorisedError

ID_CHARS: Final = 100
"""Characters of an id; today's have 19."""

_ABOUT_ORDERS: Final = frozenset({1, 11})
"""Types of push: an order's status changed, an order's cancellation changed."""


class _Data(msgspec.Struct, frozen=True):
    order_id: str | int | None = None


class _Push(msgspec.Struct, frozen=True):
    type: int
    tts_notification_id: str | int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


def pushed(app_key: str, app_secret: str, request: PushRequest) -> Pushed:
    """Verify and read a push; see ``Pushes``. TikTok wants an empty answer.

    Raises:
        UnauthorisedError: see ``Pushes``.
    """
    right = hmac.new(app_secret.encode(), app_key.encode() + request.body, hashlib.sha256).hexdigest()
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(right.encode(), given.encode()):
        raise UnauthorisedError("the push is not signed with the app's secret")
    return Pushed(events=(_event(request.body),))


def _event(body: bytes) -> PushedEvent:
    digest = hashlib.sha256(body).hexdigest()
    try:
        push = msgspec.json.decode(body, type=_Push)
        event_id = _id(push.tts_notification_id) or digest
        if push.type not in _ABOUT_ORDERS:
            return PushedEvent(event_id=event_id)
        order_id = _id(msgspec.json.decode(push.data, type=_Data).order_id)
    except UNREADABLE:
        return PushedEvent(event_id=digest, trouble="TikTok Shop's push cannot be read")
    if not order_id:
        return PushedEvent(event_id=event_id, trouble="TikTok Shop's push about an order names none")
    return PushedEvent(event_id=event_id, order_ids=(order_id,))


def _id(value: str | int | None) -> str:
    """Return an id as text; blank for none and for what is too long to be one."""
    text = "" if value is None else str(value)
    return text if len(text) <= ID_CHARS else ""
