"""Orders of TikTok Shop, against a shop that signs, pages, cancels and loses answers."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.selling import Cancels, ChannelOrder, PushedEvent, PushRequest, Sells
from tests.fakes.channels.tiktok import REFRESH
from tests.fakes.channels.tiktok_orders import Push
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.tiktok_shop import Shop, open_shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        shop.fake.products["1001"]["11"]["7001"] = 10
        yield shop


def event(shop: Shop, push: Push) -> PushedEvent:
    request = PushRequest(query={}, headers=push.headers, body=push.body)
    (event,) = shop.kind.pushed(shop.config, request).events
    return event


async def order(shop: Shop, order_id: str) -> ChannelOrder:
    (found,) = await shop.channel.orders([order_id])
    assert found is not None
    return found


async def held(shop: Shop, order_id: str) -> dict[str, int]:
    return {line.item_id: line.quantity for line in (await order(shop, order_id)).lines}


async def changed(shop: Shop, since_ms: int) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = await shop.channel.orders_changed(since_ms, after=after)
        ids += [seen.order_id for seen in page.orders]
        after = page.next
        if after is None:
            return ids


async def test_a_pushed_order_is_read_and_holds_what_was_sold(shop: Shop) -> None:
    assert isinstance(shop.channel, Sells)
    assert isinstance(shop.channel, Cancels)
    push = shop.fake.place_order({"1001/11": 3, "1002/21": 1})
    assert shop.fake.stock("1001", "11")[0] == 7
    (order_id,) = event(shop, push).order_ids
    assert await held(shop, order_id) == {"1001/11": 3, "1002/21": 1}
    assert (await order(shop, order_id)).placed_at_ms == shop.fake.orders.orders[order_id]["create_time"] * 1000


@pytest.mark.parametrize("status", ["UNPAID", "ON_HOLD", "IN_TRANSIT", "COMPLETED"])
async def test_an_order_in_any_state_holds_its_units(shop: Shop, status: str) -> None:
    push = shop.fake.place_order({"1001/11": 2}, status=status)
    assert await held(shop, push.order_id) == {"1001/11": 2}
    assert (await order(shop, push.order_id)).status == status


async def test_a_partial_cancellation_holds_fewer_and_a_whole_one_none(shop: Shop) -> None:
    placed = shop.fake.place_order({"1001/11": 3}, bundles={"1001/12": 2})
    part = shop.fake.cancel_order(placed.order_id, {"1001/11": 1})
    assert event(shop, part).order_ids == (placed.order_id,)
    assert event(shop, part).event_id != event(shop, placed).event_id
    assert await held(shop, placed.order_id) == {"1001/11": 2, "1001/12": 2}
    shop.fake.cancel_order(placed.order_id)
    assert await held(shop, placed.order_id) == {}
    assert (await order(shop, placed.order_id)).status == "CANCELLED"


async def test_orders_come_in_the_order_that_they_were_asked_for_in(shop: Shop) -> None:
    first, second = (shop.fake.place_order({"1001/11": units}).order_id for units in (1, 2))
    answers = await shop.channel.orders([second, "404", "gid://x", first])
    assert [one and one.order_id for one in answers] == [second, None, None, first]
    assert shop.troubles.calls == {"GET /order/202507/orders": 1}
    assert await shop.channel.orders(["none,of,these"]) == [None]


async def test_an_order_of_another_shop_does_not_hide_the_others(shop: Shop) -> None:
    mine = [shop.fake.place_order({"1001/11": 1}).order_id for _ in range(4)]
    shop.fake.orders.foreign = {"31", "32"}
    asked = [mine[0], "31", mine[1], mine[2], "32", mine[3]]
    assert [one and one.order_id for one in await shop.channel.orders(asked)] == [
        mine[0], None, mine[1], mine[2], None, mine[3]
    ]  # fmt: skip


async def test_ids_that_come_as_numbers_are_the_same(shop: Shop) -> None:
    push = shop.fake.place_order({"1001/11": 2})
    shop.fake.orders.numbers = True
    assert await held(shop, push.order_id) == {"1001/11": 2}
    assert await changed(shop, 0) == [push.order_id]


async def test_changed_orders_are_listed_page_by_page_from_the_oldest_change(shop: Shop) -> None:
    ids = [shop.fake.place_order({"1001/11": 1}).order_id for _ in range(7)]
    since_ms = shop.fake.orders.orders[ids[2]]["update_time"] * 1000
    shop.fake.orders.page_size = 2
    assert await changed(shop, since_ms) == ids[2:]
    shop.fake.cancel_order(ids[0])
    assert await changed(shop, since_ms) == [*ids[2:], ids[0]]


async def test_the_stamp_of_a_changed_order_is_another(shop: Shop) -> None:
    push = shop.fake.place_order({"1001/11": 2})
    (before,) = (await shop.channel.orders_changed(0, after=None)).orders
    shop.fake.cancel_order(push.order_id, {"1001/11": 1})
    (after,) = (await shop.channel.orders_changed(0, after=None)).orders
    assert before.stamp != after.stamp


@pytest.mark.parametrize("status", ["UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"])
@pytest.mark.parametrize("market", ["", "_uk"])
async def test_an_order_is_cancelled_in_the_words_that_its_state_and_market_want(
    shop: Shop, status: str, market: str
) -> None:
    shop.fake.orders.market = market
    push = shop.fake.place_order({"1001/11": 2}, status=status)
    assert await shop.channel.cancel(push.order_id) == Told()
    assert await held(shop, push.order_id) == {}
    assert await shop.channel.cancel(push.order_id) == Told()


async def test_a_cancellation_whose_answer_was_lost_is_told_again(shop: Shop) -> None:
    push = shop.fake.place_order({"1001/11": 2})
    shop.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await shop.channel.cancel(push.order_id)
    assert await shop.channel.cancel(push.order_id) == Told()
    assert shop.fake.stock("1001", "11")[0] == 10


@pytest.mark.parametrize("order_id", ["404", "no-number"])
async def test_an_order_that_is_not_there_cannot_be_cancelled(shop: Shop, order_id: str) -> None:
    refused = await shop.channel.cancel(order_id)
    assert isinstance(refused, Refused)
    assert not refused.temporary


async def test_what_was_shipped_or_is_completed_is_not_cancelled(shop: Shop) -> None:
    push = shop.fake.place_order({"1001/11": 1}, status="IN_TRANSIT")
    refused = await shop.channel.cancel(push.order_id)
    assert isinstance(refused, Refused)
    assert "already been shipped" in refused.reason
    shop.fake.whole.append(25001051)
    assert isinstance(await shop.channel.cancel(push.order_id), Refused)
    assert await held(shop, push.order_id) == {"1001/11": 1}


@pytest.mark.parametrize(("after_s", "wait_ms"), [(3, 3000), (None, None)])
async def test_too_many_calls_are_waited_for_as_asked(shop: Shop, after_s: int | None, wait_ms: int | None) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=after_s))
    with pytest.raises(ChannelDownError) as caught:
        await shop.channel.orders(["1"])
    assert caught.value.retry_after_ms == wait_ms


async def test_a_missing_scope_for_orders_stops_no_levels(shop: Shop) -> None:
    shop.fake.scopes = {"stock"}
    for call in (shop.channel.orders(["1"]), shop.channel.orders_changed(0, after=None), shop.channel.cancel("1")):
        with pytest.raises(ChannelDownError, match="the app may not"):
            await call
    assert await shop.channel.read(["1001/11"]) == [11]


@pytest.mark.parametrize(
    ("orders", "missing"),
    [
        ([{"id": "1", "create_time": 1}], "line_items"),
        ([{"id": "1", "line_items": []}], "create_time"),
        ([{"id": "1", "create_time": 1, "line_items": [{"product_id": "1"}]}], "sku_id"),
        ([{"create_time": 1, "line_items": []}], "id"),
    ],
)
async def test_an_order_that_cannot_be_read_says_what_is_missing(shop: Shop, orders: object, missing: str) -> None:
    shop.fake.raw.append(msgspec.json.encode({"code": 0, "data": {"orders": orders}}))
    with pytest.raises(ChannelDownError, match=missing):
        await shop.channel.orders(["1"])


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"\xff", b'{"code":0,"data":{"orders":{}}}'])
async def test_rubbish_is_unknown(shop: Shop, raw: bytes) -> None:
    for call in (shop.channel.orders(["1"]), shop.channel.orders_changed(0, after=None)):
        shop.fake.raw.append(raw)
        with pytest.raises(ChannelDownError, match="cannot be read"):
            await call


async def test_access_that_ends_in_the_middle_is_renewed_once_for_all(shop: Shop) -> None:
    push = shop.fake.place_order({"1001/11": 1})
    await held(shop, push.order_id)
    shop.fake.end_access()
    await asyncio.gather(
        held(shop, push.order_id), changed(shop, 0), shop.channel.read(["1001/11"]), shop.channel.items(after=None)
    )
    assert shop.fake.renewals == 1
    assert shop.troubles.calls[f"GET {REFRESH}"] == 1


def test_the_limits_fit_the_documented_ones(shop: Shop) -> None:
    assert shop.channel.selling.batch_size <= 50
    assert shop.channel.selling.calls_per_s + shop.channel.capabilities.calls_per_s <= 50
