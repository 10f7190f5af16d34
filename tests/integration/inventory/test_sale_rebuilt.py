"""A book built anew, in the failures that others reported; F-numbers are those of ``docs/failures.md``."""

from msgspec.structs import replace
from redis.asyncio import Redis

from inventory.holds import Accepted, OpenOrder, Refused
from kit.ids import new_ulid
from tests.integration.inventory.stepped_book import BEGIN_MS, an_end
from tests.integration.inventory.stepped_sale import TTL_MS, a_sale


async def test_a_sale_whose_key_another_hold_has_is_counted_and_leaves_that_hold_alone(redis: Redis) -> None:
    # The book was lost and the same claim came again: two holds of one key.
    sale = await a_sale(redis, 3, limit=3)
    empty = await sale.keys.remember()
    claim_id = new_ulid()
    lost = await sale.claim("ana", 1, claim_id)
    await sale.keys.restore(empty)
    sale.pool = replace(sale.pool, epoch=2)
    await sale.holds.rebuild(sale.pool, [], closed=False)
    await sale.wait(20)
    again = await sale.claim("ana", 1, claim_id)
    assert isinstance(lost, Accepted)
    assert isinstance(again, Accepted)
    await sale.holds.resolve(sale.pool.pool_id, [an_end(lost.hold_id)])
    assert await sale.figures() == (1, 1, 1)
    [hold] = (await sale.holds.holds_of([sale.pool.pool_id], ["ana"]))["ana"]
    assert hold.hold_id == again.hold_id
    assert isinstance(await sale.claim("ana"), Accepted)
    assert await sale.claim("ana") == Refused(reason="buyer_limit", temporary=False)


async def test_terms_changed_by_a_rebuild_count_for_what_comes_and_leave_orders_alone(redis: Redis) -> None:
    # F36
    sale = await a_sale(redis, 4, limit=2)
    paying, live = await sale.held("ana", 2), await sale.held("bob")
    await sale.holds.submit(sale.pool.pool_id, paying, "ana")
    sale.pool = replace(sale.pool, epoch=2, per_buyer_limit=1, hold_ttl_ms=500, allocated=5)
    order = OpenOrder(hold_id=paying, buyer_id="ana", quantity=2, status="submitted")
    await sale.holds.rebuild(sale.pool, [order], closed=False)
    assert await sale.figures() == (2, 3, 0)
    assert await sale.claim("ana") == Refused(reason="buyer_limit", temporary=False)
    found = await sale.holds.holds_of([sale.pool.pool_id], ["bob"])
    assert [(one.hold_id, one.expires_at_ms) for one in found["bob"]] == [(live, BEGIN_MS + TTL_MS)]
    new = await sale.claim("cem")
    assert isinstance(new, Accepted)
    assert new.expires_at_ms == BEGIN_MS + 500
    await sale.holds.resolve(sale.pool.pool_id, [an_end(paying, quantity=2)])
    assert await sale.figures() == (1, 2, 2)


async def test_a_buyer_who_claimed_anew_before_a_crash_has_no_more_than_the_limit_after_it(redis: Redis) -> None:
    # F23, I9: the hold that was given back is in the older memory, the one that was bought is in Postgres.
    sale = await a_sale(redis, 3)
    given_back = await sale.held("ana")
    memory = await sale.keys.remember()
    await sale.holds.release(sale.pool.pool_id, given_back, "ana")
    await sale.wait(1)
    bought = await sale.held("ana")
    await sale.keys.restore(memory)
    sale.pool = replace(sale.pool, epoch=2)
    order = OpenOrder(hold_id=bought, buyer_id="ana", quantity=1, status="sold")
    await sale.holds.rebuild(sale.pool, [order], closed=False)
    late = await sale.holds.submit(sale.pool.pool_id, given_back, "ana")
    assert late is not None
    assert late.status == "released"
    assert await sale.figures() == (2, 0, 1)
