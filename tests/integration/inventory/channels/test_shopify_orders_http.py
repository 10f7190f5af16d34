"""Orders of a shop at Shopify, against one that signs, pages, refunds, cancels and loses answers."""

from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused, Told
from inventory.channels.selling import Cancels, PushedEvent, PushRequest, Sells
from inventory.channels.shopify.channel_http import ShopifyChannel, ShopifyKind
from tests.fakes.channels.shopify import FakeShopify
from tests.fakes.channels.shopify_operations import ShopItem
from tests.fakes.channels.shopify_orders import Push
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.shopify_shop import configured, opened
from tests.serving import serving

ITEMS = ["30322695", "43729076"]


@pytest.fixture
def shop() -> FakeShopify:
    shop = FakeShopify()
    shop.items = {number: ShopItem(available=10) for number in ITEMS}
    return shop


@pytest.fixture
async def channel(shop: FakeShopify) -> AsyncIterator[ShopifyChannel]:
    async with serving(shop.app) as url, opened(url, shop, client_secret=shop.client_secret) as channel:
        yield channel


async def event(shop: FakeShopify, push: Push) -> PushedEvent:
    config = await configured(shop, access_token=shop.token, client_secret=shop.client_secret)
    request = PushRequest(query={}, headers=push.headers, body=push.body)
    (event,) = ShopifyKind().pushed(config, request).events
    return event


async def held(channel: ShopifyChannel, order_id: str) -> dict[str, int]:
    (order,) = await channel.orders([order_id])
    assert order is not None
    return {line.item_id: line.quantity for line in order.lines}


async def changed(channel: ShopifyChannel, since_ms: int) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = await channel.orders_changed(since_ms, after=after)
        ids += [seen.order_id for seen in page.orders]
        after = page.next
        if after is None:
            return ids


async def test_a_pushed_order_is_read_and_holds_what_was_sold(shop: FakeShopify, channel: ShopifyChannel) -> None:
    assert isinstance(channel, Sells)
    assert isinstance(channel, Cancels)
    push = shop.place_order({ITEMS[0]: 3, ITEMS[1]: 1, "": 1})
    assert shop.items[ITEMS[0]].available == 7
    assert (await event(shop, push)).order_ids == (push.order_id,)
    assert await held(channel, push.order_id) == {ITEMS[0]: 3, ITEMS[1]: 1}
    (order,) = await channel.orders([push.order_id])
    assert order is not None
    assert order.status == "PAID, UNFULFILLED"
    assert 0 <= order.placed_at_ms - (shop.orders.now_s - 1) * 1000 < 1000


@pytest.mark.parametrize(("financial", "fulfillment"), [("PENDING", "UNFULFILLED"), ("PAID", "FULFILLED")])
async def test_an_order_holds_its_units_unpaid_and_shipped(
    shop: FakeShopify, channel: ShopifyChannel, financial: str, fulfillment: str
) -> None:
    push = shop.place_order({ITEMS[0]: 2}, financial=financial, fulfillment=fulfillment)
    assert await held(channel, push.order_id) == {ITEMS[0]: 2}


async def test_a_partial_cancellation_holds_fewer_and_a_return_as_many(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    push = shop.place_order({ITEMS[0]: 5})
    part = shop.cancel_order(push.order_id, {ITEMS[0]: 2})
    assert (await event(shop, part)).order_ids == (push.order_id,)
    assert await held(channel, push.order_id) == {ITEMS[0]: 3}
    shop.orders.refund(push.order_id, {ITEMS[0]: 1}, restock_type="RETURN")
    shop.orders.refund(push.order_id, {ITEMS[0]: 1}, restock_type="NO_RESTOCK")
    assert await held(channel, push.order_id) == {ITEMS[0]: 3}
    shop.cancel_order(push.order_id)
    assert await held(channel, push.order_id) == {}


async def test_orders_come_in_the_order_that_they_were_asked_for_in(shop: FakeShopify, channel: ShopifyChannel) -> None:
    ids = [shop.place_order({ITEMS[0]: 1}).order_id for _ in range(3)]
    answers = await channel.orders([ids[2], "404", "gid://x", ids[0], ids[1]])
    assert [one and one.order_id for one in answers] == [ids[2], None, None, ids[0], ids[1]]
    assert await channel.orders(["none"]) == [None]
    assert sum(shop.troubles.calls.values()) == 1


async def test_an_order_with_many_lines_is_read_to_the_end(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.items |= {str(number): ShopItem(available=9) for number in range(1, 8)}
    shop.orders.line_pages = (2, 3)
    push = shop.place_order({str(number): number for number in range(1, 8)})
    assert await held(channel, push.order_id) == {str(number): number for number in range(1, 8)}


async def test_an_order_with_lines_without_end_is_no_order(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.orders.line_pages = (1, 1)
    push = shop.place_order({str(number): 1 for number in range(1, 30)})
    with pytest.raises(ChannelDownError, match="more lines"):
        await channel.orders([push.order_id])


async def test_changed_orders_are_listed_page_by_page_from_the_oldest_change(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    pushes = []
    moments = []
    for _ in range(7):
        pushes.append(shop.place_order({ITEMS[0]: 1}).order_id)
        moments.append(shop.orders.now_s)
    shop.orders.page_size = 2
    assert await changed(channel, moments[2] * 1000 + 999) == pushes[2:]
    shop.cancel_order(pushes[0])
    assert await changed(channel, moments[2] * 1000) == [*pushes[2:], pushes[0]]


async def test_the_stamp_of_a_changed_order_is_another(shop: FakeShopify, channel: ShopifyChannel) -> None:
    push = shop.place_order({ITEMS[0]: 2})
    (before,) = (await channel.orders_changed(0, after=None)).orders
    shop.cancel_order(push.order_id, {ITEMS[0]: 1})
    (after,) = (await channel.orders_changed(0, after=None)).orders
    assert before.order_id == after.order_id
    assert before.stamp != after.stamp


async def test_a_cancelled_order_is_cancelled_once_and_its_units_are_not_put_back_on_sale(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    push = shop.place_order({ITEMS[0]: 10})
    assert await channel.cancel(push.order_id) == Told()
    assert await held(channel, push.order_id) == {}
    assert shop.items[ITEMS[0]].available == 0
    assert await channel.cancel(push.order_id) == Told()


async def test_a_cancellation_whose_answer_was_lost_is_told_again(shop: FakeShopify, channel: ShopifyChannel) -> None:
    push = shop.place_order({ITEMS[0]: 1})
    shop.lose["cancel"] = 1
    with pytest.raises(ChannelDownError):
        await channel.cancel(push.order_id)
    assert await channel.cancel(push.order_id) == Told()


async def test_a_cancellation_goes_on_after_its_answer(shop: FakeShopify, channel: ShopifyChannel) -> None:
    push = shop.place_order({ITEMS[0]: 1})
    shop.orders.slow = True
    assert await channel.cancel(push.order_id) == Told()
    assert await held(channel, push.order_id) == {ITEMS[0]: 1}
    shop.orders.go_on()
    assert await held(channel, push.order_id) == {}


async def test_what_cannot_be_cancelled_says_why(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shipped = shop.place_order({ITEMS[0]: 1}, fulfillment="FULFILLED").order_id
    for order_id, says in ((shipped, "INVALID"), ("404", "NOT_FOUND"), ("no-number", "no such order")):
        refused = await channel.cancel(order_id)
        assert isinstance(refused, Refused)
        assert says in refused.reason
        assert not refused.temporary
    assert await held(channel, shipped) == {ITEMS[0]: 1}


async def test_a_missing_scope_for_orders_stops_no_levels(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.scopes = {"read_inventory", "write_inventory"}
    for call, scope in (
        (channel.orders(["1"]), "read_orders"),
        (channel.orders_changed(0, after=None), "read_orders"),
        (channel.cancel("1"), "write_orders"),
    ):
        with pytest.raises(ChannelDownError, match=f"grant {scope}"):
            await call
    assert await channel.read([ITEMS[0]]) == [10]


@pytest.mark.parametrize("hint", [3, None])
async def test_throttling_passes_its_hint_on(shop: FakeShopify, channel: ShopifyChannel, hint: int | None) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=hint))
    with pytest.raises(ChannelDownError) as caught:
        await channel.orders(["1"])
    assert caught.value.retry_after_ms == (None if hint is None else hint * 1000)
    shop.points, shop.restore_rate = 2.0, 10.0
    with pytest.raises(ChannelDownError, match="THROTTLED") as caught:
        await channel.orders(["1"])  # 32 points
    assert caught.value.retry_after_ms is not None
    assert 2_000 <= caught.value.retry_after_ms <= 3_100


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff", b"[]", b"{}", b'{"data":null}', b'{"data":{"nodes":[]}}', b'{"data":{"nodes":[{}]}}'],
)
async def test_rubbish_is_unknown(shop: FakeShopify, channel: ShopifyChannel, body: bytes) -> None:
    for call in (channel.orders(["1"]), channel.orders_changed(0, after=None), channel.cancel("1")):
        shop.garble.append(body)
        with pytest.raises(ChannelDownError):
            await call


async def test_an_ended_token_that_is_not_renewed_pauses_the_channel(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    shop.end_access()
    with pytest.raises(ChannelGoneError, match="its new token"):
        await channel.orders(["1"])


async def test_without_the_apps_secret_orders_are_asked_for(shop: FakeShopify, channel: ShopifyChannel) -> None:
    assert channel.capabilities.orders == "push"
    async with opened("http://127.0.0.1:9", shop) as unpushed:
        assert unpushed.capabilities.orders == "poll"
        assert unpushed.selling.every_s < channel.selling.every_s


async def test_a_full_batch_asks_for_little_of_a_bucket(shop: FakeShopify, channel: ShopifyChannel) -> None:
    ids = [shop.place_order({ITEMS[0]: 1}).order_id for _ in range(channel.selling.batch_size)]
    shop.points, shop.restore_rate = 200.0, 0.001
    assert all(await channel.orders(ids))
