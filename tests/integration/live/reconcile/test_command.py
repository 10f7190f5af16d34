"""The reconciler on a real shop: it finds what is off, changes nothing unasked, and compensates by appending."""

import asyncio

import msgspec
import pytest

from inventory.hold_ids import born_ms_of, key_of
from live.reconcile.looks import look
from tests.integration.live.reconcile.sold_shop import IN_FLIGHT_S, Shop


async def test_a_shop_in_order_has_no_drift(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shop.reconcile()
    printed = capsys.readouterr().out
    assert "DRIFT" not in printed
    assert "hold books add up" in printed
    [pool] = (await look(shop.stores)).pools
    assert (pool.sold, pool.sold_in_orders, pool.sold_in_movements) == (2, 2, 2)


async def test_without_repair_nothing_changes_and_every_drift_is_told(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await break_everything(shop)
    before = await shop.everything()
    assert not await shop.reconcile()
    assert await shop.everything() == before
    printed = capsys.readouterr().out
    assert printed.count("DRIFT") == 6, printed


async def test_repair_appends_and_leaves_no_drift(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await break_everything(shop)
    (tables, broken) = await shop.everything()
    assert await shop.reconcile(repair=True), capsys.readouterr().out
    printed = capsys.readouterr().out
    for said in ("appended an adjust movement", "rebuilt the hold book", "told 1 news", "log in Redis is at", "anew"):
        assert said in printed
    (after, mended) = await shop.everything()
    assert isinstance(tables, list)
    assert isinstance(after, list)
    assert after[0] == tables[0], "no counter was overwritten"
    kept = msgspec.json.decode(tables[1])
    now = msgspec.json.decode(after[1])
    assert all(line in now for line in kept), "the ledger only grew"
    assert [line["on_hand_delta"] for line in now if line not in kept] == [3]
    [pool], [book] = mended.pools, mended.books
    assert pool.epoch > broken.pools[0].epoch
    assert (book.available, book.held, book.sold) == (3, 1, 2)
    assert await shop.reconcile()


async def test_money_that_differs_is_left_to_a_person(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.execute("UPDATE test_payments SET refunded = 400 WHERE captured > 0")
    assert not await shop.reconcile(repair=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "1000 - 0 here, 1000 - 400 at the bank (no safe repair; somebody has to look)" in printed


async def test_what_is_on_its_way_is_waited_for(shop: Shop) -> None:
    await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -1)

    async def arrive() -> None:
        await asyncio.sleep(IN_FLIGHT_S / 3)
        await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", 1)

    arriving = asyncio.create_task(arrive())
    assert await shop.reconcile()
    await arriving


async def break_everything(shop: Shop) -> None:
    """One drift of every kind that can be repaired."""
    await shop.execute("UPDATE stock SET on_hand = on_hand + 3 WHERE sku = $1", shop.sku)
    await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -2)
    await shop.stores.redis.hset(f"{{{shop.show_id}}}:log:meta", "seq", 1)
    await shop.stores.redis.delete(f"{{{shop.show_id}}}:log")
    await shop.execute("UPDATE channel_levels SET desired = desired + 9 WHERE channel_id = $1", shop.channel_id)
    await shop.execute(
        "UPDATE outbox SET done = false, due_at_ms = 0, created_at_ms = created_at_ms - 20000 "
        "WHERE outbox_id = (SELECT min(outbox_id) FROM outbox)"
    )
    [ann] = [hold for hold in (await look(shop.stores)).books[0].holds if hold.buyer_id == "ann"]
    await shop.stores.redis.hset(
        f"{{{shop.pool_id}}}:holds",
        key_of(ann.hold_id),
        msgspec.msgpack.encode(["4", "ann", 1, born_ms_of(ann.hold_id), 1000, ""]),
    )
