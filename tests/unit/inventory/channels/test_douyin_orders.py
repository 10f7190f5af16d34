"""What an order of Douyin holds, and how a look through the list goes on."""

from typing import Any

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.douyin.orders import PAGE_ORDERS, DouyinPlace, Order, OrdersSaid, place_of, read_order
from inventory.channels.selling import SeenOrder, SoldLine


def part(units: Any = 2, **more: object) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    told = {"product_id": 3473196049974326153, "sku_id": 3254535, "item_num": units, "order_status": 2}
    return told | {"main_status": 2, "reduce_stock_type": 1} | more


def order(*parts: dict[str, Any], **more: object) -> Order:
    told = {"order_id": 4781320682406083640, "order_status": 2, "order_status_desc": "to be sent"}
    return msgspec.convert(
        told | {"create_time": 1_617_355_413, "sku_order_list": list(parts)} | more, Order, strict=False
    )


ITEM = "3473196049974326153/3254535"


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ({}, 2),
        ({"order_status": 1, "main_status": 1}, 2),
        ({"order_status": 1, "main_status": 1, "reduce_stock_type": 2}, 0),
        ({"order_status": 2, "reduce_stock_type": 2}, 2),
        ({"order_status": 3, "main_status": 3}, 2),
        ({"order_status": 5, "main_status": 5}, 2),
        ({"order_status": 4, "main_status": 4}, 0),
        ({"order_status": 4, "main_status": 2}, 0),
        ({"order_status": 2, "main_status": 21}, 0),
        ({"order_status": 3, "main_status": 22}, 2),
        ({"order_status": 5, "main_status": 39}, 2),
        ({"order_status": 777, "main_status": 888}, 2),
    ],
)
def test_a_part_holds_its_units_until_it_is_cancelled_or_refunded_unsent(told: dict[str, object], held: int) -> None:
    read = read_order(order(part(**told)))
    assert read.lines == ((SoldLine(item_id=ITEM, quantity=held),) if held else ())


def test_parts_are_cancelled_one_by_one() -> None:
    read = read_order(order(part(2), part(1, sku_id="7", order_status=4), part(3, sku_id=8)))
    assert [(one.item_id.rpartition("/")[2], one.quantity) for one in read.lines] == [("3254535", 2), ("8", 3)]


def test_a_part_without_a_state_has_the_orders() -> None:
    silent = {"order_status": None, "main_status": None}
    assert read_order(order(part(**silent))).lines
    assert read_order(order(part(**silent), order_status=4)).lines == ()
    assert read_order(order(part(**silent), main_status=21)).lines == ()


def test_numbers_that_come_as_text_keep_every_digit() -> None:
    read = read_order(
        order(
            part("2", product_id="1", product_id_str="3473196049974326153", sku_id="3254535", order_status="2"),
            order_id="4781320682406083640",
            create_time="1617355413",
        )
    )
    assert (read.order_id, read.placed_at_ms) == ("4781320682406083640", 1_617_355_413_000)
    assert read.lines == (SoldLine(item_id=ITEM, quantity=2),)
    assert read.status == "2 to be sent"


@pytest.mark.parametrize("parts", [[], [part(-1)]])
def test_an_order_without_products_is_no_answer(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(ChannelDownError, match="4781320682406083640"):
        read_order(order(*parts))


def page(*times_s: int) -> OrdersSaid:
    told = [{"order_id": number, "update_time": at} for number, at in enumerate(times_s)]
    return msgspec.convert({"code": 10000, "data": {"shop_order_list": told}}, OrdersSaid)


def test_a_page_that_is_not_full_is_the_last() -> None:
    place = place_of(5_000_000, None, now_ms=9_000_000)
    assert (place.start_s, place.until_s) == (4_999, 9_001)
    assert place.after(page(*range(5_000, 5_000 + PAGE_ORDERS - 1))) is None
    assert place.after(OrdersSaid(code=10000)) is None


def test_the_next_page_begins_where_the_last_order_changed() -> None:
    place: DouyinPlace | None = DouyinPlace(until_s=9_000, start_s=4_999)
    assert place is not None
    place = place.after(page(*range(5_000, 5_000 + PAGE_ORDERS)))
    assert place == DouyinPlace(until_s=9_000, start_s=5_098)
    assert place_of(0, place.text(), now_ms=0) == place


def test_orders_of_one_second_are_paged() -> None:
    place = DouyinPlace(until_s=9_000, start_s=4_999).after(page(*[5_000] * PAGE_ORDERS))
    assert place == DouyinPlace(until_s=9_000, start_s=4_999, page=1)
    assert place.after(page(*[5_000] * PAGE_ORDERS)) == DouyinPlace(until_s=9_000, start_s=4_999, page=2)


def test_an_order_that_changes_has_another_stamp() -> None:
    assert page(7, 0).seen == (SeenOrder(order_id="0", stamp="7"), SeenOrder(order_id="1", stamp=""))
