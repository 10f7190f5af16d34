"""Orders of a WeChat shop: heard of, listed, read and given up, against a server that checks every call."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, Level, Refused, Told
from inventory.channels.selling import ChannelOrder, SoldLine
from inventory.channels.wechat.channel_http import WechatChannel
from tests.fakes.channels.troubles import Throttled
from tests.fakes.channels.wechat import Shelf
from tests.fakes.channels.wechat_orders import GET, LIST, REFUND, WEEK_S
from tests.integration.inventory.channels.wechat_world import START_MS, WechatWorld, wechat_world

MUG = "10000000000001/1000000001"
CUP = "10000000000001/1000000002"
TOKEN = "POST /cgi-bin/stable_token"


@pytest.fixture
async def here() -> AsyncIterator[tuple[WechatWorld, WechatChannel]]:
    async with wechat_world() as (world, channel):
        world.shop.shelves |= {MUG: Shelf(9), CUP: Shelf(9)}
        yield world, channel


Here = tuple[WechatWorld, WechatChannel]


async def read(channel: WechatChannel, order_id: str) -> ChannelOrder:
    [order] = await channel.orders([order_id])
    assert order is not None
    return order


async def listed(channel: WechatChannel, since_ms: int) -> list[str]:
    found, after = [], None
    while True:
        page = await channel.orders_changed(since_ms, after=after)
        found += [one.order_id for one in page.orders]
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("as_numbers", [False, True], ids=["ids as text", "ids as numbers"])
@pytest.mark.parametrize("paid", [False, True], ids=["unpaid", "paid"])
async def test_an_order_that_was_pushed_is_read_with_the_units_it_holds(
    here: Here, paid: bool, as_numbers: bool
) -> None:
    world, channel = here
    world.shop.desk.ids_as_numbers = as_numbers
    order_id, hook = world.shop.place_order({MUG: 2, CUP: 1}, paid=paid)
    assert world.heard(hook) == (order_id,)
    order = await read(channel, order_id)
    assert order.order_id == order_id
    assert order.lines == (SoldLine(item_id=MUG, quantity=2), SoldLine(item_id=CUP, quantity=1))
    assert order.placed_at_ms == START_MS
    assert world.shop.state() == {MUG: 7, CUP: 8}


async def test_a_cancelled_order_holds_nothing(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 2}, paid=False)
    assert world.heard(world.shop.cancel_order(order_id)) == (order_id,)
    order = await read(channel, order_id)
    assert (order.lines, order.status) == ((), "250 cancelled")


async def test_a_part_that_is_refunded_before_it_is_sent_comes_back_and_after_that_not(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 3, CUP: 1})
    assert world.heard(world.shop.desk.refund(order_id, MUG, 1)) == (order_id,)
    assert (await read(channel, order_id)).lines[0].quantity == 2
    world.shop.desk.send(order_id, MUG, 2)
    world.shop.desk.send(order_id, CUP, 1)
    world.shop.desk.refund(order_id, MUG, 2)
    world.shop.desk.refund(order_id, CUP, 1)
    assert [one.quantity for one in (await read(channel, order_id)).lines] == [2, 1]


async def test_an_order_that_wechat_does_not_know_is_none(here: Here) -> None:
    _, channel = here
    assert await channel.orders(["3700000000000000001"]) == [None]


async def test_all_that_changed_is_listed_once_over_weeks_and_pages(here: Here) -> None:
    world, channel = here
    world.shop.shelves[MUG] = Shelf(10_000)
    ids = []
    for number in range(230):
        world.now_ms = START_MS + number * 12 * 3_600_000
        ids.append(world.shop.place_order({MUG: 1})[0])
    world.now_ms += 1_000
    since = START_MS + 10 * 12 * 3_600_000
    found = await listed(channel, since)
    assert sorted(set(found)) == sorted(ids[10:])
    assert len(found) - len(set(found)) <= world.troubles.calls[f"POST {LIST}"]
    weeks = (world.now_ms - since) // (WEEK_S * 1000)
    assert world.troubles.calls[f"POST {LIST}"] == weeks + 1


async def test_a_window_with_many_orders_has_pages(here: Here) -> None:
    world, channel = here
    world.shop.shelves[MUG] = Shelf(10_000)
    ids = [world.shop.place_order({MUG: 1})[0] for _ in range(201)]
    assert await listed(channel, START_MS) == ids
    assert world.troubles.calls[f"POST {LIST}"] == 3


async def test_giving_up_refunds_every_line_and_then_the_order_holds_nothing(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 2, CUP: 1})
    assert await channel.cancel(order_id) == Told()
    assert (await read(channel, order_id)).lines == ()
    assert [one["count"] for one in world.shop.desk.refunds.values()] == [2, 1]
    assert await channel.cancel(order_id) == Told()
    assert world.troubles.calls[f"POST {REFUND}"] == 2


async def test_a_refund_whose_answer_was_lost_is_not_made_twice(here: Here) -> None:
    world, channel = here
    world.shop.desk.refunds_at_once = False
    order_id, _ = world.shop.place_order({MUG: 2})
    world.shop.loses.append(REFUND)
    with pytest.raises(ChannelDownError):
        await channel.cancel(order_id)
    assert await channel.cancel(order_id) == Told()
    assert len(world.shop.desk.refunds) == 1
    assert world.shop.desk.orders[order_id].lines[0].under_way == 2


async def test_what_was_sent_or_not_paid_is_not_given_up(here: Here) -> None:
    world, channel = here
    sent, _ = world.shop.place_order({MUG: 1})
    world.shop.desk.send(sent, MUG, 1)
    unpaid, _ = world.shop.place_order({MUG: 1}, paid=False)
    answers = [await channel.cancel(sent), await channel.cancel(unpaid), await channel.cancel("1")]
    assert [one.temporary for one in answers if isinstance(one, Refused)] == [False, True, True]
    assert world.shop.desk.refunds == {}


@pytest.mark.parametrize(("hint_s", "wait_ms"), [(None, None), (7, 7_000)])
async def test_throttling_says_when_to_come_back(here: Here, hint_s: int | None, wait_ms: int | None) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    for call in (channel.orders([order_id]), channel.orders_changed(0, after=None), channel.cancel(order_id)):
        world.troubles.throttle.append(Throttled(retry_after_s=hint_s))
        with pytest.raises(ChannelDownError) as down:
            await call
        assert down.value.retry_after_ms == wait_ms


async def test_a_token_that_ends_in_the_middle_of_a_list_is_renewed(here: Here) -> None:
    world, channel = here
    world.shop.shelves[MUG] = Shelf(10_000)
    ids = [world.shop.place_order({MUG: 1})[0] for _ in range(101)]
    first = await channel.orders_changed(START_MS, after=None)
    world.shop.end_tokens()
    second = await channel.orders_changed(START_MS, after=first.next)
    assert [one.order_id for one in (*first.orders, *second.orders)] == ids
    assert world.troubles.calls[TOKEN] == 2


async def test_loops_that_call_together_ask_for_one_token(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    level = Level(sku="MUG", item_id=MUG, quantity=3, version=1)
    calls = (channel.orders([order_id]), channel.tell([level]), channel.items(after=None), channel.read([CUP]))
    await asyncio.gather(*calls)
    assert (world.troubles.calls[TOKEN], world.shop.tokens_given) == (1, 1)
    world.shop.end_tokens()
    await asyncio.gather(channel.orders([order_id]), channel.tell([level]), channel.read([CUP]))
    assert (world.troubles.calls[TOKEN], world.shop.tokens_given) == (2, 2)


async def test_an_order_that_cannot_be_read_names_what_is_wrong(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    order = world.shop.desk.orders[order_id]
    for extra, named in (({"order_detail": {}}, "product_infos"), ({"order_id": "5"}, order_id)):
        order.extra = dict(extra)
        with pytest.raises(ChannelDownError, match=named):
            await channel.orders([order_id])
    world.shop.rubbish = 1
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.orders([order_id])


async def test_a_list_that_is_refused_is_not_an_empty_one(here: Here) -> None:
    world, channel = here
    world.shop.says.append(10020055)
    with pytest.raises(ChannelDownError, match="10020055"):
        await channel.orders_changed(0, after=None)
    assert f"POST {GET}" not in world.troubles.calls
