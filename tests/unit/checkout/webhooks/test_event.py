from typing import Any

import msgspec
import pytest

from checkout.webhooks.endpoint import KINDS, EventKind
from checkout.webhooks.event import EventOrder, event_body, sample_order
from checkout.webhooks.limits import BODY_MOST_BYTES
from kit.money import Money


def an_order(**fields: object) -> EventOrder:
    return msgspec.structs.replace(sample_order("order.captured", 0), **fields)


def read(body: str) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])


def test_a_body_says_what_happened_when_and_to_which_order() -> None:
    order = an_order(refunded=Money(300, "EUR"))
    body = read(event_body("evt_1", "order.refunded", 1_790_000_000_123, order))
    assert body == {
        "id": "evt_1",
        "type": "order.refunded",
        "timestamp": "2026-09-21T14:13:20.123000Z",
        "data": msgspec.to_builtins(order),
    }
    assert body["data"]["refunded"] == {"amount": 300, "currency": "EUR"}


def test_a_body_stays_below_twenty_kilobytes_whatever_a_buyer_wrote() -> None:
    order = an_order(shipping={"note": "é" * 20_000})
    body = event_body("evt_1", "order.submitted", 0, order)
    assert len(body.encode()) < BODY_MOST_BYTES
    assert read(body)["data"]["shipping"] is None


def test_a_usual_address_is_sent() -> None:
    order = an_order(shipping={"street": "x" * 4_000})
    assert read(event_body("evt_1", "order.submitted", 0, order))["data"]["shipping"] == {"street": "x" * 4_000}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_sample_that_says_it_is_one(kind: EventKind) -> None:
    body = read(event_body("evt_sample", kind, 0, sample_order(kind, 0), test=True))
    assert (body["type"], body["test"]) == (kind, True)
    assert body["data"]["order_id"] == "order_" + "0" * 26
