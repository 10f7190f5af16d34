"""Orders of a Meta shop: found by when they changed, read as they are, cancelled once."""

from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused, Told
from inventory.channels.meta.channel_http import MetaChannel
from inventory.channels.meta.orders_http import PAGES_MOST
from inventory.channels.selling import Cancels, ChannelOrder, OrderPage, SeenOrder, Sells, SoldLine
from tests.fakes.channels.meta import FakeMeta, Product
from tests.fakes.channels.meta_orders import FakeMetaOrders
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.meta_shop import SHOP, opened
from tests.serving import serving

START_MS = 1_795_348_800_000


class Clock:
    now_ms = START_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meta(clock: Clock) -> FakeMeta:
    meta = FakeMeta(clock_ms=lambda: clock.now_ms)
    meta.products = {sku: Product(title=sku, quantity=10) for sku in ("MUG", "größe 38", "JUG")}
    return meta


@pytest.fixture
def shop(meta: FakeMeta) -> FakeMetaOrders:
    return meta.orders


@pytest.fixture
async def channel(meta: FakeMeta) -> AsyncIterator[MetaChannel]:
    async with serving(meta.app) as url, opened(url, **SHOP) as channel:
        yield channel


async def read(channel: MetaChannel, order_id: str) -> ChannelOrder:
    [order] = await channel.orders([order_id])
    assert order is not None
    return order


async def held(channel: MetaChannel, order_id: str) -> dict[str, int]:
    return {line.item_id: line.quantity for line in (await read(channel, order_id)).lines}


async def ids_since(channel: MetaChannel, since_ms: int) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await channel.orders_changed(since_ms, after=after)
        found += [one.order_id for one in page.orders]
        after = page.next
        if after is None:
            return found


async def test_an_order_is_read_with_what_it_holds(meta: FakeMeta, shop: FakeMetaOrders, channel: MetaChannel) -> None:
    order_id = shop.place_order({"MUG": 2, "größe 38": 1})
    assert meta.products["MUG"].quantity == 8
    assert await channel.orders([order_id]) == [
        ChannelOrder(
            order_id=order_id,
            placed_at_ms=START_MS,
            status="CREATED",
            lines=(SoldLine(item_id="MUG", quantity=2), SoldLine(item_id="größe 38", quantity=1)),
        )
    ]


@pytest.mark.parametrize("state", ["FB_PROCESSING", "CREATED", "IN_PROGRESS", "COMPLETED"])
async def test_an_order_holds_its_units_in_every_state(shop: FakeMetaOrders, channel: MetaChannel, state: str) -> None:
    order_id = shop.place_order({"MUG": 2}, state=state)
    assert await ids_since(channel, START_MS) == [order_id]
    assert await held(channel, order_id) == {"MUG": 2}


async def test_what_is_cancelled_is_held_no_more(shop: FakeMetaOrders, channel: MetaChannel) -> None:
    order_id = shop.place_order({"MUG": 3, "JUG": 1})
    shop.cancel_order(order_id, {"MUG": 1})
    assert await held(channel, order_id) == {"MUG": 2, "JUG": 1}
    shop.cancel_order(order_id, {"MUG": 1, "JUG": 1})
    assert await held(channel, order_id) == {"MUG": 1}
    shop.cancel_order(order_id)
    order = await read(channel, order_id)
    assert (order.lines, order.status) == ((), "COMPLETED")


async def test_an_order_that_meta_does_not_have_is_none(channel: MetaChannel) -> None:
    assert await channel.orders(["1", "me/accounts", "", "1" * 41]) == [None] * 4


async def test_changed_orders_come_in_pages_with_a_stamp_that_changes(
    shop: FakeMetaOrders, channel: MetaChannel, clock: Clock
) -> None:
    shop.page = 2
    ids = []
    for second in range(5):
        clock.now_ms = START_MS + second * 1_000
        ids.append(shop.place_order({"MUG": 1}))
    assert await ids_since(channel, START_MS) == ids[::-1]
    assert await ids_since(channel, START_MS + 3_999) == ids[:2:-1], "the second of the moment belongs to it"
    page = await channel.orders_changed(START_MS + 4_000, after=None)
    assert page == OrderPage(orders=(SeenOrder(order_id=ids[4], stamp="2026-11-22T12:00:04+0000"),))
    clock.now_ms = START_MS + 60_000
    shop.cancel_order(ids[0])
    page = await channel.orders_changed(START_MS + 60_000, after=None)
    assert page.orders == (SeenOrder(order_id=ids[0], stamp="2026-11-22T12:01:00+0000"),)


async def test_a_long_order_is_read_to_its_end(shop: FakeMetaOrders, channel: MetaChannel) -> None:
    shop.page = 2
    lines = {f"SKU-{n}": n + 2 for n in range(5)}
    order_id = shop.place_order(lines)
    for item_id in lines:
        shop.cancel_order(order_id, {item_id: 1})
    assert await held(channel, order_id) == {item_id: units - 1 for item_id, units in lines.items()}


async def test_an_order_without_end_is_not_read_for_ever(
    meta: FakeMeta, shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    shop.page = 1
    order_id = shop.place_order({f"SKU-{n}": 1 for n in range(PAGES_MOST + 2)})
    with pytest.raises(ChannelDownError, match="goes on"):
        await channel.orders([order_id])
    assert sum(meta.troubles.calls.values()) == PAGES_MOST + 1


async def test_cancelling_cancels_all_that_is_left_and_puts_nothing_back(
    meta: FakeMeta, shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 3})
    shop.cancel_order(order_id, {"MUG": 1}, restock=False)
    assert await channel.cancel(order_id) == Told()
    assert await held(channel, order_id) == {}
    assert meta.products["MUG"].quantity == 7
    assert await channel.cancel(order_id) == Told()
    assert len(shop.keys) == 1


async def test_a_lost_answer_of_a_cancellation_cancels_nothing_twice(
    shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 3})
    shop.loses_cancellations = 1
    with pytest.raises(ChannelDownError):
        await channel.cancel(order_id)
    assert await channel.cancel(order_id) == Told()
    assert len(shop.orders[order_id].cancelled) == 1


async def test_an_order_whose_payment_is_looked_at_can_be_cancelled_later(
    shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 1}, state="FB_PROCESSING")
    answer = await channel.cancel(order_id)
    assert isinstance(answer, Refused)
    assert answer.temporary
    shop.advance(order_id, "CREATED")
    assert await channel.cancel(order_id) == Told()


async def test_a_cancellation_that_meta_refuses_is_refused_with_its_reason(
    shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 1})
    shop.refuses = "The order was shipped"
    answer = await channel.cancel(order_id)
    assert isinstance(answer, Refused)
    assert ("was shipped" in answer.reason, answer.temporary) == (True, False)
    unknown = await channel.cancel("1")
    assert isinstance(unknown, Refused)
    assert not unknown.temporary


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b"<html>", "order"),
        (b'{"id":"1","created":"2026-11-22T12:00:00+0000","order_status":{"state":"CREATED"}}', "items"),
        (
            b'{"created":"2026-11-22T12:00:00+0000","order_status":{"state":"CREATED"},"items":{"data":[{}]}}',
            "retailer",
        ),
        (b'{"created":"soon","order_status":{"state":"CREATED"},"items":{"data":[]}}', "created"),
        (b'{"created":"2026-11-22T12:00:00+0000","items":{"data":[]}}', "order_status"),
    ],
)
async def test_an_order_that_cannot_be_read_says_what_is_missing(
    meta: FakeMeta, shop: FakeMetaOrders, channel: MetaChannel, body: bytes, missing: str
) -> None:
    order_id = shop.place_order({"MUG": 1})
    meta.garble.append(body)
    with pytest.raises(ChannelDownError, match=missing):
        await channel.orders([order_id])
    assert await held(channel, order_id) == {"MUG": 1}


async def test_limits_and_lost_answers_are_for_the_next_try(
    meta: FakeMeta, shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 1})
    meta.troubles.throttle.append(Throttled(retry_after_s=3))
    meta.fail_with.append((400, {"code": 32, "message": "Page request limit reached"}, 5))
    with pytest.raises(ChannelDownError) as slow:
        await channel.orders_changed(0, after=None)
    assert slow.value.retry_after_ms == 3_000
    with pytest.raises(ChannelDownError) as limited:
        await channel.orders_changed(0, after=None)
    assert limited.value.retry_after_ms == 300_000
    meta.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.orders([order_id])
    assert await held(channel, order_id) == {"MUG": 1}


async def test_a_page_token_that_dies_in_the_middle_is_gone_and_not_named(
    shop: FakeMetaOrders, channel: MetaChannel
) -> None:
    order_id = shop.place_order({"MUG": 1})
    assert await ids_since(channel, 0) == [order_id]
    shop.dead = True  # its error quotes the token
    for call in (channel.orders_changed(0, after=None), channel.orders([order_id]), channel.cancel(order_id)):
        with pytest.raises(ChannelGoneError, match="make a new one") as caught:
            await call
        assert shop.page_access_token not in f"{caught.value!r} {channel!r}"
    assert shop.orders[order_id].cancelled == []


async def test_a_shop_that_is_not_there_names_its_settings(meta: FakeMeta) -> None:
    async with serving(meta.app) as url, opened(url, **SHOP | {"commerce_account_id": "1"}) as channel:
        with pytest.raises(ChannelGoneError, match="commerce_account_id"):
            await channel.orders_changed(0, after=None)


async def test_without_a_commerce_account_there_are_no_orders(meta: FakeMeta, shop: FakeMetaOrders) -> None:
    order_id = shop.place_order({"MUG": 1})
    async with serving(meta.app) as url, opened(url) as channel, opened(url, **SHOP) as selling:
        assert (channel.capabilities.orders, selling.capabilities.orders) == ("none", "poll")
        assert isinstance(selling, Sells)
        assert isinstance(selling, Cancels)
        assert await channel.orders_changed(0, after=None) == OrderPage(orders=())
        assert await channel.orders([order_id]) == [None]
        assert isinstance(await channel.cancel(order_id), Refused)
    assert meta.troubles.calls == {}


async def test_the_system_users_token_will_do_where_it_may_read_the_shop(meta: FakeMeta, shop: FakeMetaOrders) -> None:
    order_id = shop.place_order({"MUG": 1})
    shop.page_access_token = meta.access_token
    async with (
        serving(meta.app) as url,
        opened(url, commerce_account_id=FakeMetaOrders.account_id) as channel,
    ):
        assert await held(channel, order_id) == {"MUG": 1}
