"""Orders of a Douyin shop: heard of, listed and read, against a server that checks every call."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, Level
from inventory.channels.douyin.channel_http import DouyinChannel
from inventory.channels.selling import ChannelOrder, SoldLine
from tests.fakes.channels.douyin import REFRESH
from tests.fakes.channels.douyin_orders import LIST
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.douyin_world import DouyinWorld, douyin_world

Here = tuple[DouyinWorld, DouyinChannel]
MUG, CUP = (1001, 11), (1002, 21)
NOW_S = 1_795_348_800


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with douyin_world() as (world, channel):
        world.shop.stock = {MUG: 9, CUP: 9}
        yield world, channel


async def read(channel: DouyinChannel, order_id: str) -> ChannelOrder:
    [order] = await channel.orders([order_id])
    assert order is not None
    return order


async def listed(channel: DouyinChannel, since_ms: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await channel.orders_changed(since_ms, after=after)
        found += [one.order_id for one in page.orders]
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("as_text", [False, True], ids=["numbers", "numbers as text"])
@pytest.mark.parametrize("paid", [False, True], ids=["unpaid", "paid"])
async def test_an_order_that_was_pushed_is_read_with_the_units_it_holds(here: Here, paid: bool, as_text: bool) -> None:
    world, channel = here
    world.shop.as_text = as_text
    order_id, hook = world.shop.place_order({MUG: 2, CUP: 1}, paid=paid)
    assert world.heard(hook) == [(order_id,)]
    order = await read(channel, order_id)
    assert order.order_id == order_id
    assert order.lines == (SoldLine(item_id="1001/11", quantity=2), SoldLine(item_id="1002/21", quantity=1))
    assert world.shop.state() == {"1001/11": 7, "1002/21": 8}


async def test_a_product_that_is_taken_when_paid_holds_nothing_before(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.desk.place_order({MUG: 2}, paid=False, reduce_when_paid=True)
    assert (await read(channel, order_id)).lines == ()
    assert world.shop.stock[MUG] == 9


async def test_parts_are_cancelled_and_refunded_one_by_one(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 2, CUP: 1})
    assert world.heard(world.shop.desk.cancel_order(order_id, sku_id=21)) == [(order_id,)]
    assert (await read(channel, order_id)).lines == (SoldLine(item_id="1001/11", quantity=2),)
    world.shop.desk.refund(order_id, 11, when=39)
    assert (await read(channel, order_id)).lines == (SoldLine(item_id="1001/11", quantity=2),)
    world.shop.desk.refund(order_id, 11, when=21)
    assert (await read(channel, order_id)).lines == ()


async def test_a_cancelled_order_holds_nothing(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 2})
    assert world.heard(world.shop.cancel_order(order_id)) == [(order_id,)]
    assert (await read(channel, order_id)).lines == ()
    assert world.shop.stock[MUG] == 9


async def test_an_order_that_douyin_does_not_know_is_none(here: Here) -> None:
    _, channel = here
    assert await channel.orders(["4781320682406083640"]) == [None]


@pytest.mark.parametrize("step_s", [0, 1, 30])
async def test_all_that_changed_is_listed(here: Here, step_s: int) -> None:
    world, channel = here
    world.shop.stock[MUG] = 10_000
    ids = []
    for number in range(250):
        world.shop.clock_s = NOW_S - 10_000 + number * step_s
        ids.append(world.shop.place_order({MUG: 1})[0])
    since_ms = (NOW_S - 10_000) * 1000
    found = await listed(channel, since_ms)
    assert sorted(set(found)) == ids
    assert world.troubles.calls[f"POST {LIST}"] == 3


async def test_an_order_that_changes_during_a_look_hides_no_other(here: Here) -> None:
    world, channel = here
    world.shop.stock[MUG] = 10_000
    ids = []
    for number in range(150):
        world.shop.clock_s = NOW_S - 1_000 + number
        ids.append(world.shop.place_order({MUG: 1})[0])
    first = await channel.orders_changed((NOW_S - 2_000) * 1000, after=None)
    world.shop.clock_s = NOW_S
    for order_id in ids[:30]:
        world.shop.cancel_order(order_id)
    assert first.next is not None
    second = await channel.orders_changed((NOW_S - 2_000) * 1000, after=first.next)
    assert {one.order_id for one in (*first.orders, *second.orders)} == set(ids)


async def test_a_change_gives_an_order_another_stamp(here: Here) -> None:
    world, channel = here
    world.shop.clock_s = NOW_S - 100
    order_id, _ = world.shop.place_order({MUG: 1})
    [before] = (await channel.orders_changed(0, after=None)).orders
    world.shop.clock_s = NOW_S - 50
    world.shop.cancel_order(order_id)
    [after] = (await channel.orders_changed(0, after=None)).orders
    assert before.order_id == after.order_id == order_id
    assert before.stamp != after.stamp


@pytest.mark.parametrize(("hint_s", "wait_ms"), [(None, None), (7, 7_000)])
async def test_throttling_says_when_to_come_back(here: Here, hint_s: int | None, wait_ms: int | None) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    for call in (channel.orders([order_id]), channel.orders_changed(0, after=None)):
        world.troubles.throttle.append(Throttled(retry_after_s=hint_s))
        with pytest.raises(ChannelDownError) as down:
            await call
        assert down.value.retry_after_ms == wait_ms


@pytest.mark.parametrize("code", [20000, 60000, 90000])
async def test_what_fails_for_now_is_no_unknown_order(here: Here, code: int) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    world.shop.whole.append((code, ""))
    with pytest.raises(ChannelDownError, match=str(code)):
        await channel.orders([order_id])


async def test_a_list_that_is_refused_is_not_an_empty_one(here: Here) -> None:
    world, channel = here
    world.shop.whole.append((50002, "isv.business-failed:1"))
    with pytest.raises(ChannelDownError, match="does not list"):
        await channel.orders_changed(0, after=None)


async def test_loops_that_call_together_renew_ended_access_once(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    world.shop.end_access()
    level = Level(sku="MUG", item_id="1001/11", quantity=3, version=1)
    orders, *_ = await asyncio.gather(
        channel.orders([order_id]), channel.tell([level]), channel.items(after=None), channel.read(["1002/21"])
    )
    assert orders[0] is not None
    assert (world.shop.renewals, world.saved, world.troubles.calls[f"POST {REFRESH}"]) == (1, 1, 1)


async def test_access_that_ends_in_the_middle_of_a_list_is_renewed(here: Here) -> None:
    world, channel = here
    world.shop.stock[MUG] = 10_000
    ids = set()
    for number in range(101):
        world.shop.clock_s = NOW_S - 200 + number
        ids.add(world.shop.place_order({MUG: 1})[0])
    first = await channel.orders_changed(0, after=None)
    world.shop.end_access()
    second = await channel.orders_changed(0, after=first.next)
    assert {one.order_id for one in (*first.orders, *second.orders)} == ids


async def test_an_order_that_cannot_be_read_names_what_is_wrong(here: Here) -> None:
    world, channel = here
    order_id, _ = world.shop.place_order({MUG: 1})
    order = world.shop.desk.orders[order_id]
    wrong = {"sku_order_list": "sku_order_list", "create_time": "create_time"}
    for field, named in wrong.items():
        order.extra = {field: None}
        with pytest.raises(ChannelDownError, match=named):
            await channel.orders([order_id])
    order.extra = {"order_id": "5"}
    with pytest.raises(ChannelDownError, match=order_id):
        await channel.orders([order_id])
    world.shop.raw.append(b"<html>")
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.orders([order_id])
