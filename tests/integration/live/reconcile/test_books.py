"""Hold books that are off: each is found, and rebuilt, handed on or let go."""

import msgspec
import pytest

from inventory.hold_ids import key_of
from live.reconcile.book_turns import BookTurns
from live.reconcile.looks import look
from tests.integration.live.reconcile.sold_shop import Shop


async def test_a_lost_hold_book_is_rebuilt_from_the_orders(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.stores.redis.delete(
        *[f"{{{shop.pool_id}}}:{name}" for name in ("pool", "holds", "claims", "buyers", "due", "submitted", "ended")]
    )
    assert not await shop.reconcile()
    assert "no book in Redis" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    [book] = (await look(shop.stores)).books
    # The live hold is gone with Redis; what was sold is not.
    assert (book.available, book.held, book.sold) == (4, 0, 2)


async def test_a_hold_that_outlived_its_refused_order_is_told_again(shop: Shop) -> None:
    [hold_id] = [order.hold_id for order in (await look(shop.stores)).orders if order.outcome == "released"]
    tag = f"{{{shop.pool_id}}}"
    key = key_of(hold_id)
    packed = await shop.stores.redis.hget(f"{tag}:holds", key)
    assert isinstance(packed, bytes)
    hold = msgspec.msgpack.decode(packed)
    await shop.stores.redis.hset(f"{tag}:holds", key, msgspec.msgpack.encode(["1", *hold[1:]]))
    await shop.stores.redis.hset(f"{tag}:buyers", "cid", msgspec.msgpack.encode([1, key]))
    await shop.stores.redis.zadd(f"{tag}:submitted", {key: 1})
    await shop.stores.redis.hincrby(f"{tag}:pool", "available", -1)
    await shop.stores.redis.hincrby(f"{tag}:pool", "held", 1)
    assert not await shop.reconcile()
    assert await shop.reconcile(repair=True)
    [book] = (await look(shop.stores)).books
    assert (book.available, book.held, book.sold) == (3, 1, 2)


async def test_a_book_of_another_server_process_is_drift_and_is_rebuilt(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.stores.redis.hset(f"{{{shop.pool_id}}}:pool", "server", "another")
    assert not await shop.reconcile()
    assert "another server process" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)


async def test_free_units_beside_a_line_are_drift_and_are_handed_on(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.stores.redis.zadd(f"{{{shop.pool_id}}}:waiting", {"eve": 1})
    assert not await shop.reconcile()
    assert "1 wait, and 3 units are free" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    assert "handed free units to 1 who waited" in capsys.readouterr().out
    [hold] = (await shop.stores.holds.holds_of([shop.pool_id], ["eve"]))["eve"]
    assert (hold.status, hold.quantity) == ("held", 1)


async def test_a_line_in_a_frozen_book_is_drift_and_is_let_go(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.stores.holds.freeze(shop.pool_id)
    await shop.stores.redis.zadd(f"{{{shop.pool_id}}}:waiting", {"eve": 1})
    assert not await shop.reconcile()
    assert "1 wait, and the book is frozen" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    [counts] = await shop.stores.holds.counts([shop.pool_id])
    assert counts.waiting == 0


async def test_a_hold_in_a_bundle_of_another_deadline_is_drift_and_is_rebuilt(shop: Shop) -> None:
    due = f"{{{shop.pool_id}}}:due"
    for bundle in await shop.stores.redis.zrange(due, 0, -1):
        assert isinstance(bundle, bytes)
        await shop.stores.redis.zincrby(due, 60_000, bundle)
    assert not await shop.reconcile()
    assert await shop.reconcile(repair=True)


async def test_more_time_for_a_hold_leaves_its_old_bundle_behind_and_is_no_drift(shop: Shop) -> None:
    [hold] = [one for one in (await look(shop.stores)).books[0].holds if one.status == "held"]
    extended = await shop.stores.holds.extend(shop.pool_id, hold.hold_id, hold.buyer_id, nth=1)
    assert extended is not None
    assert extended.extensions == 1
    assert await shop.stores.redis.zcard(f"{{{shop.pool_id}}}:due") == 2
    assert await shop.reconcile()


async def test_a_book_whose_turn_it_is_not_is_counted_and_not_read(shop: Shop) -> None:
    [book] = (await look(shop.stores, turns=BookTurns(0))).books
    [whole] = (await look(shop.stores, turns=BookTurns(100))).books
    assert (book.whole, book.holds, book.buyers) == (False, (), {})
    assert (whole.whole, len(whole.holds) > 0) == (True, True)
    counts = [(one.epoch, one.allocated, one.available, one.held, one.sold, one.waiting) for one in (book, whole)]
    assert counts[0] == counts[1]
