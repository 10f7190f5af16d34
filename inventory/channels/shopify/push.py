"""What Shopify pushes: verified and read. Pure.

https://shopify.dev/docs/apps/build/webhooks. The signature covers the body alone: what the headers say (the topic, the
event, the shop) is only believed as far as it can do no harm, that is one look too many at an order.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from inventory.channels.selling import Pushed, PushedEvent, PushRequest
from inventory.channels.unreadable import UNREADABLE
from kit.errors import UnauthorisedError

_EVENT_ID: Final = re.compile(r"[!-~]{1,100}")
_TOPIC: Final = re.compile(r"[a-z_]{1,40}/[a-z_]{1,40}")
_OWN_ID: Final = "orders/"
_ORDER_OF: Final = ("refunds/", "fulfillments/", "order_transactions/")


class _Of(msgspec.Struct, frozen=True):
    order_id: str | int | None = None


class _Body(msgspec.Struct, frozen=True):
    id: str | int | None = None
    order_id: str | int | None = None
    order_edit: _Of = _Of()


def pushed(client_secret: str, shop: str, request: PushRequest) -> Pushed:
    """Verify and read a push; see ``Pushes``. Shopify wants nothing but the status.

    Args:
        client_secret: of the app; blank where it is not known: then nothing is taken.
        shop: the channel's, with its domain.
        request: what came.

    Raises:
        UnauthorisedError: see ``Pushes``.
    """
    right = base64.b64encode(hmac.new(client_secret.encode(), request.body, hashlib.sha256).digest())
    given = request.headers.get("x-shopify-hmac-sha256", "")
    if not hmac.compare_digest(right, given.encode()) or not client_secret:
        raise UnauthorisedError("the push is not signed with the app's client secret")
    return Pushed(events=(_event(shop, request),))


def _event(shop: str, request: PushRequest) -> PushedEvent:
    headers = request.headers
    topic = headers.get("x-shopify-topic", "").lower()
    event_id = _event_id(topic, headers, request.body)
    from_shop = headers.get("x-shopify-shop-domain", shop).lower()
    if from_shop != shop:
        return PushedEvent(event_id=event_id, trouble="the push is about another shop")
    if not topic.startswith((_OWN_ID, *_ORDER_OF)):
        return PushedEvent(event_id=event_id)
    try:
        body = msgspec.json.decode(request.body, type=_Body)
    except UNREADABLE:
        return PushedEvent(event_id=event_id, trouble="Shopify's push cannot be read")
    order_id = (body.id or body.order_edit.order_id) if topic.startswith(_OWN_ID) else body.order_id
    if not order_id or len(str(order_id)) > 20:
        return PushedEvent(event_id=event_id, trouble="Shopify's push about an order names none")
    return PushedEvent(event_id=event_id, order_ids=(str(order_id),))


def _event_id(topic: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return what tells a push from others.

    One event is pushed under several topics, and each may say that the order changed: the topic is a part of it.
    """
    for name in ("x-shopify-event-id", "x-shopify-webhook-id"):
        given = headers.get(name, "")
        if _EVENT_ID.fullmatch(given) is not None and _TOPIC.fullmatch(topic) is not None:
            return f"{topic} {given}"
    return hashlib.sha256(body).hexdigest()
