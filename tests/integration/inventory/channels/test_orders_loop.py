"""Orders in: whatever order of events a channel chooses, the stock ends with what its orders hold."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from inventory.channels.channel import Refused
from inventory.channels.channels_pg import Channels
from inventory.channels.inbox import ChannelInbox
from inventory.channels.links import Link
from inventory.channels.links_pg import Links
from inventory.channels.order_list_pg import ChannelOrderView, OrderList
from inventory.channels.orders_pg import ChannelOrders
from inventory.channels.selling import PushRequest
from inventory.stock_pg import StockLedger
from kit.errors import ConflictError, NotFoundError, UnauthorisedError
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import VAULT, in_step, start_sync, stock_up
from tests.integration.inventory.channels.shop import SELLING, Shop

MUG, HAT = "SKU-000", "SKU-001"


@dataclass
class Market:
    """A merchant with twenty SKUs, ten units of each, and a shop elsewhere that sells them too."""

    postgres: Postgres
    shop: Shop
    channel_id: str = ""

    def __post_init__(self) -> None:
        kinds = {"shelf": self.shop}
        self.ledger = StockLedger(self.postgres)
        self.channels = Channels(self.postgres, kinds, VAULT)
        self.orders = ChannelOrders(self.postgres, lease_ms=300)
        self.listed = OrderList(self.postgres)
        self.inbox = ChannelInbox(self.channels, kinds, self.orders)
        self.links = Links(self.postgres, kinds)

    async def connect(self, *, cancels_oversold: bool = False) -> None:
        await stock_up(self.postgres, self.ledger)
        created = await self.channels.create("shelf", name="Shop", settings={}, cancels_oversold=cancels_oversold)
        self.channel_id = created.channel_id

    async def push(self, body: str, *, sign: str = "a token", channel_id: str = "") -> bytes:
        request = PushRequest(query={}, headers={"x-sign": sign}, body=body.encode())
        return (await self.inbox.receive(channel_id or self.channel_id, request)).answer

    async def on_hand(self, sku: str) -> int:
        return (await self.ledger.level(sku)).on_hand

    async def comes_to(self, order_id: str, state: str) -> ChannelOrderView:
        """Wait until an order is of a state."""
        found: dict[str, ChannelOrderView] = {}
        for _ in range(500):
            found = {one.order_id: one for one in (await self.listed.page(self.channel_id)).items}
            if order_id in found and found[order_id].state == state:
                return found[order_id]
            await asyncio.sleep(0.01)
        pytest.fail(f"{order_id} did not come to {state}: {found}")


@pytest.fixture
async def market(postgres: Postgres) -> Market:
    market = Market(postgres, Shop())
    await market.connect()
    return market


@pytest.fixture
async def running(market: Market, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr("inventory.channels.orders_loop.MISSING_EVERY_S", 0.05)
    tasks = start_sync(market.postgres, market.channels, market.shop)
    yield
    await tasks.stop()


@pytest.mark.usefixtures("running")
async def test_a_pushed_order_takes_units_once_however_often_it_is_pushed(market: Market) -> None:
    market.shop.place("O1", (MUG, 2), (MUG, 1), (HAT, 1))
    assert await market.push("event-1:O1") == b"success"
    await market.comes_to("O1", "taken")
    for event in ("event-1:O1", "event-2:O1", "event-2:O1"):
        await market.push(event)
    await asyncio.sleep(0.1)
    await market.comes_to("O1", "taken")
    assert (await market.on_hand(MUG), await market.on_hand(HAT)) == (7, 9)
    await in_step(market.channels, market.channel_id)
    assert (market.shop.shown[MUG], market.shop.shown[HAT]) == (7, 9), "what was sold there is told there"


@pytest.mark.usefixtures("running")
async def test_a_cancellation_that_overtakes_its_order_leaves_the_stock_as_it_was(market: Market) -> None:
    market.shop.place("O1")
    await market.push("cancelled:O1")
    await market.comes_to("O1", "cancelled")
    await market.push("placed:O1")
    await asyncio.sleep(0.1)
    assert (await market.comes_to("O1", "cancelled")).status == "CANCELLED"
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_units_of_a_cancelled_line_and_of_a_cancelled_order_come_back(market: Market) -> None:
    market.shop.place("O1", (MUG, 3), (HAT, 1))
    await market.push("1:O1")
    await market.comes_to("O1", "taken")
    market.shop.place("O1", (MUG, 1))
    await market.push("2:O1")
    for _ in range(200):
        if await market.on_hand(MUG) == 9:
            break
        await asyncio.sleep(0.01)
    assert (await market.on_hand(MUG), await market.on_hand(HAT)) == (9, 10)
    market.shop.place("O1")
    await market.push("3:O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_an_order_for_more_than_there_is_takes_all_there_is_and_the_rest_when_it_comes(market: Market) -> None:
    market.shop.place("O1", (MUG, 12))
    await market.push("1:O1")
    order = await market.comes_to("O1", "oversold_elsewhere")
    assert order.last_error == f"not in stock: 2 of {MUG}"
    assert [(one.wanted, one.taken) for one in order.lines] == [(12, 10)]
    assert next(one.oversold for one in await market.channels.list()) == 1
    assert not market.shop.cancelled, "nobody asked for that"
    await market.ledger.adjust(MUG, 5, key="more", reason="delivery")
    await market.comes_to("O1", "taken")
    assert await market.on_hand(MUG) == 3


@pytest.mark.usefixtures("running")
async def test_units_that_an_offer_has_set_aside_are_not_taken(market: Market) -> None:
    async with market.postgres.connection() as connection:
        await connection.execute("UPDATE stock SET ring_fenced = 8 WHERE sku = $1", MUG)
    market.shop.place("O1", (MUG, 3))
    await market.push("1:O1")
    order = await market.comes_to("O1", "oversold_elsewhere")
    assert order.lines[0].taken == 2
    level = await market.ledger.level(MUG)
    assert (level.on_hand, level.ring_fenced) == (8, 8)


@pytest.mark.usefixtures("running")
async def test_an_oversold_order_is_cancelled_over_there_when_somebody_asks_for_it(market: Market) -> None:
    market.shop.place("O1", (MUG, 12))
    await market.push("1:O1")
    await market.comes_to("O1", "oversold_elsewhere")
    market.shop.cancels = [Refused(reason="too late, it is packed", temporary=False)]
    await market.orders.want_cancel(market.channel_id, "O1")
    order = None
    for _ in range(300):
        order = await market.comes_to("O1", "oversold_elsewhere")
        if order.last_error == "the channel does not cancel it: too late, it is packed":
            break
        await asyncio.sleep(0.01)
    assert order is not None
    assert not order.cancel_wanted
    await market.orders.want_cancel(market.channel_id, "O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10
    with pytest.raises(ConflictError):
        await market.orders.want_cancel(market.channel_id, "O1")
    with pytest.raises(NotFoundError):
        await market.orders.want_cancel(market.channel_id, "O2")


async def test_a_channel_that_cancels_by_itself_does_so_once(postgres: Postgres) -> None:
    market = Market(postgres, Shop())
    await market.connect(cancels_oversold=True)
    market.shop.cancels = [Refused(reason="no", temporary=False)]
    market.shop.place("O1", (MUG, 11), stamp="1")
    market.shop.place("O2", (HAT, 11), stamp="1")
    tasks = start_sync(postgres, market.channels, market.shop)
    try:
        for _ in range(300):
            states = {one.state for one in (await market.listed.page(market.channel_id)).items}
            if "cancelled" in states and len(market.shop.cancelled) == 2:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        page = await market.listed.page(market.channel_id)
    finally:
        await tasks.stop()
    assert sorted(one.state for one in page.items) == ["cancelled", "oversold_elsewhere"]
    assert sorted(market.shop.cancelled) == ["O1", "O2"], "what it refused is not asked for again"


@pytest.mark.usefixtures("running")
async def test_lost_webhooks_are_found_in_the_list_and_what_has_not_changed_is_not_read_again(market: Market) -> None:
    for number in range(5):
        market.shop.place(f"O{number}", (MUG, 1), stamp="1")
    for number in range(5):
        await market.comes_to(f"O{number}", "taken")
    assert await market.on_hand(MUG) == 5
    asked = sum(map(len, market.shop.asked))
    looks = len(market.shop.looks)
    while len(market.shop.looks) < looks + 3:
        await asyncio.sleep(0.01)
    assert sum(map(len, market.shop.asked)) == asked == 5
    market.shop.place("O3", stamp="2")
    await market.comes_to("O3", "cancelled")
    assert await market.on_hand(MUG) == 6
    assert all(len(batch) <= SELLING.batch_size for batch in market.shop.asked)


@pytest.mark.usefixtures("running")
async def test_the_next_look_begins_where_the_last_one_ended_and_a_failed_one_begins_again(market: Market) -> None:
    while len(market.shop.looks) < 2:
        await asyncio.sleep(0.01)
    first, second = market.shop.looks[:2]
    assert second > first
    known, _ = await market.orders.known_ms(market.channel_id)
    market.shop.down = 2
    looks = len(market.shop.looks)
    while len(market.shop.looks) < looks + 1:
        await asyncio.sleep(0.01)
    assert market.shop.looks[-1] <= known + 1_000


@pytest.mark.usefixtures("running")
async def test_an_order_that_cannot_be_read_keeps_no_other_waiting(market: Market) -> None:
    market.shop.unreadable = {"O2"}
    for number in range(5):
        market.shop.place(f"O{number}", (MUG, 1))
    await market.push("1:" + ",".join(market.shop.orders_held))
    for order_id in ("O0", "O1", "O3", "O4"):
        await market.comes_to(order_id, "taken")
    # Nor is the channel left alone because of it.
    market.shop.place("O9", (MUG, 1))
    await asyncio.sleep(1)
    await market.push("2:O9")
    async with asyncio.timeout(2):
        await market.comes_to("O9", "taken")
    assert (await market.comes_to("O2", "new")).last_error == "an answer that cannot be read"
    market.shop.unreadable.clear()
    await market.push("3:O2")
    await market.comes_to("O2", "taken")
    assert await market.on_hand(MUG) == 4


@pytest.mark.usefixtures("running")
async def test_an_order_with_units_that_the_channel_forgets_keeps_them_and_says_so(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.UNKNOWN_ORDER_TRIES", 1)
    market.shop.place("O1", (MUG, 3))
    await market.push("1:O1")
    await market.comes_to("O1", "taken")
    del market.shop.orders_held["O1"]
    await market.push("2:O1")
    async with asyncio.timeout(5):
        while (order := await market.comes_to("O1", "taken")).last_error is None:
            await asyncio.sleep(0.01)
    assert order.last_error == "the channel does not know this order"
    # Read with a moment from before the channel was connected, it still is the order whose units were taken.
    market.shop.place("O1", placed_ms=1_000)
    await market.push("3:O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_an_order_that_makes_no_sense_keeps_no_other_of_its_call_waiting(market: Market) -> None:
    market.shop.place("O1", (MUG, 10**30))
    market.shop.place("O2", (MUG, 1))
    await market.push("1:O1,O2")
    await market.comes_to("O2", "taken")
    assert "none that an order can hold" in str((await market.comes_to("O1", "new")).last_error)
    assert await market.on_hand(MUG) == 9


@pytest.mark.usefixtures("running")
async def test_an_order_from_before_the_channel_was_connected_takes_nothing(market: Market) -> None:
    market.shop.place("O1", (MUG, 3), placed_ms=1_000)
    await market.push("1:O1")
    await market.comes_to("O1", "earlier")
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_a_channel_that_is_down_costs_a_while_and_an_order_that_it_does_not_know_a_few_tries(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.UNKNOWN_ORDER_TRIES", 2)
    market.shop.down = 1
    market.shop.place("O1", (MUG, 1))
    await market.push("1:O1,O2")
    await market.comes_to("O1", "taken")
    await market.comes_to("O2", "unknown")
    market.shop.place("O2", (MUG, 1))
    await market.push("2:O2")
    await market.comes_to("O2", "taken")
    assert await market.on_hand(MUG) == 8


async def test_nothing_is_stored_of_a_push_with_a_wrong_signature_and_rubbish_in_a_good_one_is(market: Market) -> None:
    with pytest.raises(UnauthorisedError):
        await market.push("1:O1", sign="another")
    with pytest.raises(NotFoundError):
        await market.push("1:O1", channel_id="chan_nobody")
    assert await market.push("rubbish") == b"success"
    async with market.postgres.connection() as connection:
        (stored,) = await connection.fetch("SELECT body, trouble FROM channel_pushes")
        assert (stored["body"], stored["trouble"]) == (b"rubbish", "it names no order")
        assert await connection.fetchval("SELECT count(*) FROM channel_orders") == 0


async def test_orders_of_items_that_nobody_linked_wait_for_the_link(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.MISSING_EVERY_S", 0.05)
    market = Market(postgres, Shop(item_form="group/number"))
    await market.connect()
    market.shop.place("O1", ("7/1", 4), stamp="1")
    tasks = start_sync(postgres, market.channels, market.shop)
    try:
        order = await market.comes_to("O1", "unlinked")
        assert order.last_error == "not linked to a SKU: 7/1"
        # First to one of which there is nothing, then to the right one.
        await market.ledger.adjust(HAT, -10, key="none", reason="test")
        await market.links.link(market.channel_id, [Link(line=1, sku=HAT, item_id="7/1")])
        await market.comes_to("O1", "oversold_elsewhere")
        await market.links.link(
            market.channel_id, [Link(line=1, sku=MUG, item_id="7/1"), Link(line=2, sku=HAT, item_id="7/2")]
        )
        await market.comes_to("O1", "taken")
    finally:
        await tasks.stop()
    assert await market.on_hand(MUG) == 6


async def test_what_was_read_before_never_undoes_what_was_read_later(market: Market) -> None:
    await market.push("1:O1")
    (slow,) = await market.orders.take_due(market.channel_id, 1)
    market.shop.place("O1", (MUG, 4))
    old = market.shop.orders_held["O1"]
    await market.push("2:O1")
    (quick,) = await market.orders.take_due(market.channel_id, 1)
    market.shop.place("O1")
    assert await market.orders.apply(market.channel_id, quick, market.shop.orders_held["O1"]) == "cancelled"
    assert await market.orders.apply(market.channel_id, slow, old) == "cancelled"
    assert await market.on_hand(MUG) == 10


async def test_pushes_are_forgotten_after_a_month(market: Market) -> None:
    await market.push("old:O1")
    await market.push("new:O1")
    async with market.postgres.connection() as connection:
        await connection.execute("UPDATE channel_pushes SET received_at_ms = 0 WHERE event_id = 'old'")
    assert await market.orders.forget_old_pushes() == 1
    async with market.postgres.connection() as connection:
        assert await connection.fetchval("SELECT string_agg(event_id, ',') FROM channel_pushes") == "new"
