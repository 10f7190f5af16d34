"""What an order of WeChat holds, how a look through the list goes on, and which refunds give an order up."""

from typing import Any

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.selling import SoldLine
from inventory.channels.wechat.answers import read_answer
from inventory.channels.wechat.orders import (
    WINDOW_S,
    Order,
    OrderSaid,
    OrdersSaid,
    WechatPlace,
    place_of,
    read_order,
    refunds,
)

ITEM = "234245/23424"


def line(units: int, *, refunded: int = 0, under_way: int = 0, item_id: str = ITEM, **more: object) -> dict[str, Any]:
    product_id, _, sku_id = item_id.partition("/")
    counts = {"on_aftersale_sku_cnt": under_way, "finish_aftersale_sku_cnt": refunded}
    told = {"product_id": product_id, "sku_id": sku_id, "sku_cnt": units, "real_price": 100 * units}
    return told | counts | more


def order(*lines: dict[str, Any], status: int = 20, sent: int = 0, **detail: object) -> Order:
    parcels = [{"product_infos": [{"product_id": 234245, "sku_id": "23424", "product_cnt": sent}]}] if sent else []
    told = {"product_infos": list(lines), "delivery_info": {"delivery_product_info": parcels}, **detail}
    given = {"order_id": "37423523451235145", "status": status, "create_time": 1_658_505_600, "order_detail": told}
    return msgspec.convert(given, Order)


@pytest.mark.parametrize(
    ("status", "refunded", "sent", "held"),
    [
        (10, 0, 0, 5),
        (20, 0, 0, 5),
        (21, 0, 2, 5),
        (30, 0, 5, 5),
        (100, 0, 5, 5),
        (77, 0, 0, 5),
        (250, 0, 0, 0),
        (20, 2, 0, 3),
        (20, 5, 0, 0),
        (200, 5, 0, 0),
        (30, 2, 3, 3),
        (100, 2, 5, 5),
        (200, 5, 5, 5),
        (200, 5, 3, 3),
        (21, 4, 2, 2),
    ],
)
def test_an_order_holds_what_was_not_refunded_before_it_was_sent(
    status: int, refunded: int, sent: int, held: int
) -> None:
    read = read_order(order(line(5, refunded=refunded), status=status, sent=sent))
    assert read.lines == ((SoldLine(item_id=ITEM, quantity=held),) if held else ())
    assert read.placed_at_ms == 1_658_505_600_000
    assert read.status.startswith(str(status))


def test_what_needs_no_parcel_has_left_when_all_has() -> None:
    delivery = {"delivery_product_info": [], "ship_done_time": 1_658_509_200}
    assert read_order(order(line(2, refunded=2), status=200, delivery_info=delivery)).lines[0].quantity == 2


def test_lines_of_one_item_are_one_and_items_stay_apart() -> None:
    read = read_order(order(line(2), line(3, item_id="1/2"), line(1, refunded=1)))
    assert read.lines == (SoldLine(item_id=ITEM, quantity=2), SoldLine(item_id="1/2", quantity=3))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"errcode":0,"order":{"order_id":1,"create_time":1,"order_detail":{"product_infos":[]}}}', "status"),
        (b'{"errcode":0,"order":{"order_id":1,"status":20,"create_time":1}}', "order_detail"),
        (
            b'{"errcode":0,"order":{"order_id":1,"status":20,"create_time":1,"order_detail":'
            b'{"product_infos":[{"product_id":1,"sku_id":2}]}}}',
            "sku_cnt",
        ),
    ],
)
def test_an_order_that_cannot_be_read_names_what_is_missing(body: bytes, named: str) -> None:
    with pytest.raises(ChannelDownError, match=named):
        read_answer(200, body, OrderSaid)


@pytest.mark.parametrize("lines", [[], [line(-1)]])
def test_an_order_without_products_is_no_answer(lines: list[dict[str, Any]]) -> None:
    with pytest.raises(ChannelDownError, match="37423523451235145"):
        read_order(order(*lines))


def test_a_look_is_cut_into_weeks_and_pages() -> None:
    now_s = 1_700_000_000
    place: WechatPlace | None = place_of((now_s - 2 * WINDOW_S - 5) * 1000, None, now_ms=now_s * 1000)
    pages = [OrdersSaid(has_more=True, next_key="a"), OrdersSaid(), OrdersSaid(), OrdersSaid()]
    seen = []
    for page in pages:
        assert place is not None
        assert 0 <= place.end_s - place.start_s <= WINDOW_S
        seen.append((place.start_s, place.end_s, place.next_key))
        place = place.after(page)
        if place is not None:
            place = place_of(0, place.text(), now_ms=0)
    assert place is None
    first, start = now_s - 2 * WINDOW_S - 5, now_s - WINDOW_S - 5
    assert seen[:2] == [(first, start, ""), (first, start, "a")]
    assert seen[2:] == [(start, now_s - 5, ""), (now_s - 5, now_s + 1, "")]


def test_a_page_that_names_itself_as_the_next_ends_the_window() -> None:
    place = WechatPlace(until_s=10, start_s=5, next_key="k")
    assert place.after(OrdersSaid(has_more=True, next_key="k")) is None


def test_a_look_from_the_future_is_empty_and_ends() -> None:
    place = place_of(9_000_000, None, now_ms=5_000_000)
    assert (place.start_s, place.end_s) == (5_000, 5_001)
    assert place.after(OrdersSaid()) is None


def test_giving_up_refunds_every_line_under_a_name_of_its_own() -> None:
    bodies = refunds(order(line(2), line(1, item_id="1/2")))
    assert isinstance(bodies, list)
    assert bodies == refunds(order(line(2), line(1, item_id="1/2")))
    assert len({one["request_id"] for one in bodies}) == 2
    assert [(one["sku_id"], one["count"], one["amount"]) for one in bodies] == [("23424", 2, 200), ("2", 1, 100)]
    assert {(one["reason"], one["type"]) for one in bodies} == {("10000001", "REFUND")}


@pytest.mark.parametrize("lines", [[line(2, under_way=2)], [line(2, refunded=1, under_way=1)]])
def test_a_refund_that_is_under_way_is_not_asked_for_again(lines: list[dict[str, Any]]) -> None:
    assert refunds(order(*lines)) == []


def test_an_order_that_is_over_needs_nothing() -> None:
    assert refunds(order(line(2), status=250)) == []
    assert refunds(order(line(2, refunded=2), status=200)) == []


@pytest.mark.parametrize(
    ("given", "temporary"),
    [
        (order(line(2), status=10), True),
        (order(line(2), status=21, sent=1), False),
        (order(line(2), price_info={"freight": 500}), False),
        (order(line(2, refunded=1)), False),
        (order(line(2, real_price=None)), False),
    ],
    ids=["unpaid", "sent", "freight", "refunded in part", "no price"],
)
def test_what_cannot_be_given_up_from_here_says_why(given: Order, temporary: bool) -> None:
    refused = refunds(given)
    assert isinstance(refused, Refused)
    assert refused.temporary is temporary
