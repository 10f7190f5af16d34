"""Orders of LINE MyShop against a shop that checks everything, on a real HTTP server."""

from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused, Told
from inventory.channels.line_myshop.calls_http import PRODUCTS
from inventory.channels.selling import Cancels, ChannelOrder, OrderPage, Sells, SoldLine
from tests.fakes.channels.line_myshop_orders import ORDERS
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.line_shop import LineShop, line_shop


@pytest.fixture
async def shop() -> AsyncIterator[LineShop]:
    async with line_shop() as one:
        yield one


async def read(shop: LineShop, number: str) -> ChannelOrder:
    (order,) = await shop.channel.orders([number])
    assert order is not None
    return order


async def pages(shop: LineShop, since_ms: int) -> list[OrderPage]:
    found = [await shop.channel.orders_changed(since_ms, after=None)]
    while (after := found[-1].next) is not None:
        found.append(await shop.channel.orders_changed(since_ms, after=after))
    return found


async def test_the_channel_sells_and_cancels_and_is_asked_often(shop: LineShop) -> None:
    assert isinstance(shop.channel, Sells)
    assert isinstance(shop.channel, Cancels)
    assert shop.channel.capabilities.orders == "poll"
    assert shop.channel.selling.every_s == 20


async def test_an_order_holds_its_units_from_checkout_through_payment_until_it_is_cancelled(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 2, 21: 1})
    held = (SoldLine(item_id="1/10", quantity=2), SoldLine(item_id="2/21", quantity=1))
    assert (await read(shop, number)).lines == held
    assert (await read(shop, number)).placed_at_ms == shop.fake.orders.by_number[number].placed_at_ms
    shop.fake.orders.pay(number)
    assert (await read(shop, number)).lines == held
    shop.fake.orders.end(number, "COMPLETED")
    assert (await read(shop, number)).lines == held
    shop.fake.cancel_order(number)
    assert (await read(shop, number)).lines == ()
    assert (await read(shop, number)).status == "CANCELED"


async def test_an_order_that_expired_holds_nothing_and_an_unknown_status_holds(shop: LineShop) -> None:
    expired, strange = shop.fake.place_order({20: 1}), shop.fake.place_order({20: 1})
    shop.fake.orders.end(expired, "EXPIRED")
    shop.fake.orders.end(strange, "UNDER_REVIEW")
    assert (await read(shop, expired)).lines == ()
    assert (await read(shop, strange)).lines == (SoldLine(item_id="2/20", quantity=1),)


async def test_products_are_asked_for_once_and_only_for_what_is_new(shop: LineShop) -> None:
    first, second = shop.fake.place_order({10: 1, 20: 1}), shop.fake.place_order({21: 1})
    await read(shop, first)
    await read(shop, second)
    await read(shop, first)
    assert shop.troubles.calls[f"GET {PRODUCTS}"] == 1


async def test_a_deleted_product_is_no_reason_to_lose_the_rest_of_an_order(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 1, 21: 2})
    del shop.fake.products[1]
    assert (await read(shop, number)).lines == (
        SoldLine(item_id="999/variant-None", quantity=1),
        SoldLine(item_id="2/21", quantity=2),
    )


async def test_unknown_orders_are_none(shop: LineShop) -> None:
    assert await shop.channel.orders(["4711"]) == [None]
    assert await shop.channel.orders(["../products"]) == [None]


async def test_changed_orders_are_paged_newest_first_and_since_a_moment(shop: LineShop) -> None:
    for inventory in shop.fake.stock.values():
        inventory.on_hand = 1_000
    numbers = [shop.fake.place_order({10: 1}) for _ in range(230)]
    found = await pages(shop, 0)
    assert [len(page.orders) for page in found] == [100, 100, 30]
    assert [one.order_id for page in found for one in page.orders] == numbers[::-1]
    since = shop.fake.orders.by_number[numbers[220]].updated_at_ms
    (last,) = await pages(shop, since)
    assert [one.order_id for one in last.orders] == numbers[:219:-1]
    assert (await pages(shop, since + 3_600_000))[0].orders == ()


async def test_an_order_that_changes_while_pages_are_turned_hides_no_other(shop: LineShop) -> None:
    shop.fake.stock[10].on_hand = 1_000
    numbers = [shop.fake.place_order({10: 1}) for _ in range(201)]
    shop.fake.orders.on_list = [numbers[0], numbers[150]]
    seen = {one.order_id for page in await pages(shop, 0) for one in page.orders}
    # What went to the front after page one was read changed after we began, so the next look has it.
    assert set(numbers) - seen <= {numbers[0], numbers[150]}


async def test_a_stamp_changes_with_the_order(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 1})
    before = (await pages(shop, 0))[0].orders[0].stamp
    assert (await pages(shop, 0))[0].orders[0].stamp == before
    shop.fake.orders.pay(number)
    assert (await pages(shop, 0))[0].orders[0].stamp != before


async def test_cancelling_gives_the_units_back_and_once_more_does_no_harm(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 2})
    assert await shop.channel.cancel(number) == Told()
    assert shop.fake.stock[10].available == 7
    assert await shop.channel.cancel(number) == Told()
    assert shop.fake.stock[10].available == 7


async def test_a_cancellation_whose_answer_was_lost_is_told_by_the_next(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 2})
    shop.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await shop.channel.cancel(number)
    assert await shop.channel.cancel(number) == Told()
    assert shop.fake.stock[10].available == 7


async def test_an_order_that_cannot_be_cancelled_any_more_is_refused_with_lines_words(shop: LineShop) -> None:
    number = shop.fake.place_order({10: 2})
    shop.fake.orders.end(number, "COMPLETED")
    for order_id, says in ((number, "COMPLETED"), ("4711", "not found")):
        answer = await shop.channel.cancel(order_id)
        assert isinstance(answer, Refused)
        assert says in answer.reason
        assert not answer.temporary


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(shop: LineShop, hint: int | None, wait_ms: int | None) -> None:
    number = shop.fake.place_order({10: 1})
    for call in (
        shop.channel.orders([number]),
        shop.channel.orders_changed(0, after=None),
        shop.channel.cancel(number),
    ):
        shop.troubles.throttle.append(Throttled(retry_after_s=hint))
        with pytest.raises(ChannelDownError) as caught:
            await call
        assert caught.value.retry_after_ms == wait_ms
    assert shop.fake.orders.by_number[number].status == "FINALIZED"


async def test_a_key_that_ends_in_the_middle_pauses_the_channel_and_is_not_repeated(shop: LineShop) -> None:
    shop.fake.stock[10].on_hand = 1_000
    numbers = [shop.fake.place_order({10: 1}) for _ in range(101)]
    page = await shop.channel.orders_changed(0, after=None)
    shop.fake.revoked = True
    for call in (
        shop.channel.orders_changed(0, after=page.next),
        shop.channel.orders(numbers[:1]),
        shop.channel.cancel(numbers[0]),
    ):
        with pytest.raises(ChannelGoneError) as caught:
            await call
        assert shop.fake.api_key not in f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"orderNumber": "1"}', b'{"data": [{"orderNumber": 1}]}'])
async def test_rubbish_is_tried_again(shop: LineShop, answer: bytes) -> None:
    shop.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await shop.channel.orders(["1"])
    shop.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await shop.channel.orders_changed(0, after=None)


async def test_another_orders_answer_is_no_answer(shop: LineShop) -> None:
    mine, other = shop.fake.place_order({10: 1}), shop.fake.place_order({10: 3})
    shop.fake.plan(200, {"orderNumber": other, "orderStatus": "FINALIZED", "orderItems": []})
    with pytest.raises(ChannelDownError):
        await shop.channel.orders([mine])
    assert shop.troubles.calls[f"GET {ORDERS}/{mine}"] == 1
