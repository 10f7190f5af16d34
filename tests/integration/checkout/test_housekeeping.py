"""Housekeeping: what is old goes, what somebody still needs stays however old it is, and any number may clean."""

import asyncio

import pytest

from checkout import housekeeping_pg
from checkout.housekeeping_pg import Housekeeping
from checkout.limits import DAY_MS, HOUSEKEEPING_ROWS, OUTBOX_KEPT_MS, PAYMENT_BODY_KEPT_MS, PAYMENT_EVENT_KEPT_MS
from tests.integration.checkout.checkout_shop import Shop


async def add_news(shop: Shop, key: str, age_ms: int, *, done: bool = True, hooked: bool = True) -> None:
    await shop.execute(
        "INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, created_at_ms,"
        " done, hooked) VALUES ($1, '', '', 'order.declined', '', '', 1, 'EUR', now_ms() - $2::bigint, $3, $4)",
        key,
        age_ms,
        done,
        hooked,
    )


async def add_event(shop: Shop, event_id: str, age_ms: int) -> None:
    await shop.execute(
        "INSERT INTO payment_events (provider, event_id, payment_id, kind, body, received_at_ms)"
        " VALUES ('test', $1, 'pay_1', 'payment.authorised', '{\"a\": 1}', now_ms() - $2::bigint)",
        event_id,
        age_ms,
    )


async def test_old_news_goes_and_what_somebody_was_not_told_stays(shop: Shop) -> None:
    await add_news(shop, "old", OUTBOX_KEPT_MS + DAY_MS)
    await add_news(shop, "untold", OUTBOX_KEPT_MS + DAY_MS, done=False)
    await add_news(shop, "not sent to merchants", OUTBOX_KEPT_MS + DAY_MS, hooked=False)
    await add_news(shop, "young", OUTBOX_KEPT_MS - DAY_MS)
    assert await Housekeeping(shop.postgres).round() == 1
    left = [row["event_key"] for row in await shop.fetch("SELECT event_key FROM outbox ORDER BY outbox_id")]
    assert left == ["untold", "not sent to merchants", "young"]
    assert await Housekeeping(shop.postgres).round() == 0


async def test_what_a_webhook_said_goes_before_that_it_came(shop: Shop) -> None:
    await add_event(shop, "ancient", PAYMENT_EVENT_KEPT_MS + DAY_MS)
    await add_event(shop, "old", PAYMENT_BODY_KEPT_MS + DAY_MS)
    await add_event(shop, "young", PAYMENT_BODY_KEPT_MS - DAY_MS)
    assert await Housekeeping(shop.postgres).round() == 3
    left = await shop.fetch("SELECT event_id, body IS NULL AS dropped FROM payment_events ORDER BY event_id")
    assert left == [{"event_id": "old", "dropped": True}, {"event_id": "young", "dropped": False}]
    # A provider that repeats it after months is still told that it was here before.
    fresh = await shop.value(
        "INSERT INTO payment_events (provider, event_id, payment_id, kind, body)"
        " VALUES ('test', 'old', 'pay_1', 'k', '{}') ON CONFLICT (provider, event_id) DO NOTHING RETURNING event_id"
    )
    assert fresh is None


async def test_a_backlog_is_worked_off_in_steps_and_by_many_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping_pg, "HOUSEKEEPING_MOST_BATCHES", 2)
    await shop.execute(
        "INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, created_at_ms,"
        " done, hooked) SELECT n::text, '', '', 'order.declined', '', '', 1, 'EUR', 0, true, true"
        " FROM generate_series(1, 9000) AS n"
    )
    assert await Housekeeping(shop.postgres).round() == 2 * HOUSEKEEPING_ROWS
    touched = sum(await asyncio.gather(*(Housekeeping(shop.postgres).round() for _ in range(3))))
    assert await shop.value("SELECT count(*) FROM outbox") == 9_000 - 2_000 - touched
    for _ in range(5):
        await Housekeeping(shop.postgres).round()
    assert await shop.value("SELECT count(*) FROM outbox") == 0


async def test_a_row_that_somebody_holds_is_left_for_the_next_round(shop: Shop) -> None:
    await add_news(shop, "held", OUTBOX_KEPT_MS + DAY_MS)
    async with shop.postgres.transaction() as other:
        await other.execute("SELECT 1 FROM outbox FOR UPDATE")
        async with asyncio.timeout(10):
            assert await Housekeeping(shop.postgres).round() == 0
    assert await Housekeeping(shop.postgres).round() == 1


async def test_each_step_finds_its_rows_by_an_index(shop: Shop) -> None:
    for statement, arguments in housekeeping_pg._STEPS:
        async with shop.postgres.transaction() as connection:
            await connection.execute("SET LOCAL enable_seqscan = off")
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *arguments))
        assert "Seq Scan on outbox" not in plan
        assert "Seq Scan on payment_events" not in plan
