"""From the outbox into the endpoints' queues: exactly once, and after the buyer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from checkout.order import view
from checkout.refund import Refunds
from checkout.webhooks.fan_out_pg import HookFanOut
from kit.money import Money
from kit.postgres import Connection, Postgres
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.fuse import Fuse
from tests.integration.checkout.hook_house import House

URL = "https://93.184.216.34/hooks"  # never called: nothing is sent here


@pytest.fixture
def house(shop: Shop) -> House:
    return House(shop)


async def queue(shop: Shop) -> Counter[tuple[str, str]]:
    rows = await shop.fetch("SELECT endpoint_id, event_id FROM webhook_deliveries")
    return Counter((str(row["endpoint_id"]), str(row["event_id"])) for row in rows)


class SteppedConnection:
    """A connection whose user can die before and after every statement."""

    def __init__(self, connection: Connection, fuse: Fuse) -> None:
        self._connection = connection
        self._fuse = fuse

    async def fetch(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - passed on as it is
        self._fuse.step()
        rows = await self._connection.fetch(statement, *arguments)
        self._fuse.step()
        return rows

    async def execute(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - passed on as it is
        self._fuse.step()
        tag = await self._connection.execute(statement, *arguments)
        self._fuse.step()
        return tag


class SteppedPostgres(Postgres):
    """A Postgres whose user can die between any two statements of a transaction, and right after it."""

    def __init__(self, postgres: Postgres, fuse: Fuse) -> None:
        super().__init__(postgres._pool)
        self._fuse = fuse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            yield cast(Connection, SteppedConnection(connection, self._fuse))
        self._fuse.step()


async def test_an_event_is_queued_for_each_endpoint_that_wants_it(house: House, shop: Shop) -> None:
    everything = await house.subscribe(URL)
    refunds = await house.subscribe(URL, ["order.refunded", "order.cancelled"])
    await house.news(2, kind="order.confirmed")
    await house.news(1, kind="order.refunded")
    assert [await house.fan_out.round(), await house.fan_out.round()] == [3, 0]
    assert len(await house.deliveries(everything)) == 3
    assert [one.event for one in await house.deliveries(refunds)] == ["order.refunded"]
    assert await shop.value("SELECT count(*) FROM webhook_events") == 3


async def test_what_nobody_wants_is_only_marked(house: House, shop: Shop) -> None:
    await house.news(3)
    assert await house.fan_out.round() == 3
    assert await shop.value("SELECT count(*) FROM outbox WHERE NOT hooked") == 0
    await house.subscribe(URL, ["order.refunded"])
    await house.news(3, kind="order.declined")
    await house.fan_out.round()
    assert await shop.value("SELECT count(*) FROM webhook_events") == 0


async def test_a_body_is_the_order_as_http_shows_it(house: House) -> None:
    made = await house.subscribe(URL)
    (key,) = await house.news(1)
    await house.fan_out.round()
    detail = await house.log.get(made.endpoint.endpoint_id, (await house.only(made)).delivery_id)
    order = msgspec.to_builtins(view(await house.shop.orders.get(key.partition(":")[0])))
    data = detail.body["data"]
    assert isinstance(data, dict)
    # The state was written with the news; the order itself is still submitted in this test.
    told = {**data, "state": "submitted", "updated_at_ms": order["updated_at_ms"]}
    assert told == {name: order[name] for name in told}
    assert (detail.body["type"], data["state"]) == ("order.confirmed", "confirmed")


async def test_a_body_names_the_payment_method_without_the_buyers_phone_number(house: House, shop: Shop) -> None:
    made = await house.subscribe(URL)
    await house.news(1)
    await shop.execute("UPDATE orders SET provider = 'mpesa', payment_method = 'mpesa:254712345678'")
    await house.fan_out.round()
    detail = await house.log.get(made.endpoint.endpoint_id, (await house.only(made)).delivery_id)
    data = detail.body["data"]
    assert isinstance(data, dict)
    assert data["payment_method"] == "mpesa"


async def test_two_fan_outs_at_once_queue_everything_exactly_once(house: House, shop: Shop) -> None:
    for _ in range(2):
        await house.subscribe(URL)
    await house.news(300)

    async def work() -> int:
        fan_out = HookFanOut(shop.postgres, limit=20)
        return sum([taken async for taken in rounds(fan_out)])

    async def rounds(fan_out: HookFanOut) -> AsyncIterator[int]:
        while taken := await fan_out.round():
            yield taken

    assert sum(await asyncio.gather(*(work() for _ in range(4)))) == 300
    queued = await queue(shop)
    assert len(queued) == 600
    assert set(queued.values()) == {1}


async def test_a_fan_out_killed_between_any_two_statements_queues_everything_exactly_once(
    house: House, shop: Shop
) -> None:
    await house.subscribe(URL)
    killed = 0
    for step in range(1, 40):
        await shop.execute("DELETE FROM webhook_events")
        await house.news(3)
        fuse = Fuse(step)
        try:
            await HookFanOut(SteppedPostgres(shop.postgres, fuse)).round()
        except asyncio.CancelledError:
            killed += 1
        await house.fan_out.round()
        queued = await queue(shop)
        assert (len(queued), set(queued.values())) == (3, {1}), f"killed at step {step}"
        if not fuse.blown:
            break
    assert killed == 11  # before and after each of five statements, and after the commit


async def test_an_event_waits_for_its_buyer_to_be_told_but_not_for_ever(house: House, shop: Shop) -> None:
    made = await house.subscribe(URL)
    await house.news(1, done=False)
    assert await house.fan_out.round() == 0
    await shop.execute("UPDATE outbox SET created_at_ms = created_at_ms - 5000")
    assert await house.fan_out.round() == 1
    await house.news(1, done=True)
    assert await house.fan_out.round() == 1
    assert len(await house.deliveries(made)) == 2


async def test_a_removed_endpoint_gets_nothing_more(house: House) -> None:
    made = await house.subscribe(URL)
    await house.endpoints.remove(made.endpoint.endpoint_id)
    await house.news(1)
    await house.fan_out.round()
    assert await house.shop.value("SELECT count(*) FROM webhook_deliveries") == 0


async def test_a_paid_order_is_told_from_its_submission_to_its_refund_once_each(house: House, shop: Shop) -> None:
    made = await house.subscribe(URL)
    order = await shop.captured(await shop.pool(5))
    refunds = Refunds(shop.postgres, shop.providers)
    await refunds.refund(order.order_id, amount=Money(300, "EUR"), reason="late", restock=False, refund_id="refund_1")
    await refunds.refund(order.order_id, amount=None, reason="late", restock=False, refund_id="refund_2")
    fan_out = HookFanOut(shop.postgres, buyer_first_ms=0)  # no relay tells the buyer here
    while await fan_out.round():
        pass
    endpoint_id = made.endpoint.endpoint_id
    told = [await house.log.get(endpoint_id, one.delivery_id) for one in reversed(await house.deliveries(made))]
    assert sorted((one.delivery.event, *states(one.body)) for one in told) == [
        ("order.captured", "captured", 0),
        ("order.confirmed", "confirmed", 0),
        ("order.refunded", "captured", 300),
        ("order.refunded", "refunded", 1_000),
        ("order.submitted", "submitted", 0),
    ]


def states(body: dict[str, Any]) -> tuple[str, int]:
    return body["data"]["state"], body["data"]["refunded"]["amount"]
