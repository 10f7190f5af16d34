"""Errors on the way from a hold to money: each would pay twice, lose an order or keep what is not ours."""

from typing import Final

from tests.faults.mutant import Mutant

HERE: Final = "tests/integration/checkout/"
UNIT: Final = "tests/unit/checkout/"
STAGES: Final = "checkout/sql/stages.sql"

PAYING: Final = (
    Mutant(
        name="order_doubled",
        breaks="a checkout that comes again is an error, or another order",
        path="checkout/sql/orders.sql",
        old="    ON CONFLICT (hold_id) DO NOTHING\n",
        new="",
        tests=(HERE + "test_submit.py",),
        by=HERE + "test_submit.py::test_the_same_hold_from_many_sides_at_once_is_one_order",
    ),
    Mutant(
        name="first_hold_forgotten",
        breaks="a checkout repeated after its order got its units late is a second order",
        path="checkout/sql/orders.sql",
        old="    WHERE NOT EXISTS (SELECT FROM orders WHERE orders.first_hold_id = given.hold_id)\n",
        new="",
        tests=(HERE + "test_late_commits.py",),
        by=HERE + "test_late_commits.py::"
        "test_an_order_written_late_for_a_hold_whose_order_has_other_units_by_now_is_that_order",
    ),
    Mutant(
        name="asked_again_without_looking",
        breaks="a payment whose answer was lost is asked for again, not looked for",
        path="checkout/authorise.py",
        old="if order.attempts > 1:",
        new="if False:",
        tests=(HERE + "test_payment_moods.py", HERE + "test_stripe_orders.py"),
        by=HERE + "test_payment_moods.py::test_each_mood_ends_with_money_and_units_in_agreement",
    ),
    Mutant(
        name="amount_believed",
        breaks="a payment of another amount pays the order",
        path="checkout/payment_answer.py",
        old="if answer.amount != order.amount:",
        new="if False:",
        tests=(UNIT, HERE + "test_webhooks.py"),
        by=UNIT + "test_payment_answer.py::test_money_of_another_amount_or_currency_does_not_pay_the_order",
    ),
    Mutant(
        name="event_marked_first",
        breaks="a webhook is recorded as applied before it is",
        path="checkout/payment_events_pg.py",
        old="            fresh = await connection.fetchval(\n",
        new="            async with self._postgres.connection() as another:\n"
        "              fresh = await another.fetchval(\n",
        tests=(HERE + "test_killed_gates.py",),
        by=HERE + "test_killed_gates.py::test_a_webhook_killed_at_any_step_is_applied_when_it_comes_again",
    ),
    Mutant(
        name="orders_unlocked",
        breaks="two answers about one order are both decided by what it was before",
        path=STAGES,
        old="WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE\n",
        new="WHERE order_id = ANY ($1::text[]) ORDER BY order_id\n",
        tests=(HERE + "test_refunds.py", HERE + "test_late_commits.py"),
        by=HERE + "test_refunds.py::test_many_refunds_at_once_never_exceed_the_capture",
    ),
    Mutant(
        name="check_dropped",
        breaks="Postgres sells more units than there are when the judge is wrong",
        path="inventory/migrations/inventory-0001.sql",
        old=",\n    CONSTRAINT pool_never_oversells CHECK (sold + returned <= allocated)\n",
        new="\n",
        tests=(HERE + "test_admin_and_buyer.py",),
        by=HERE + "test_admin_and_buyer.py::"
        "test_units_set_aside_for_another_offer_are_not_sold_by_this_one_though_the_judge_errs",
    ),
    Mutant(
        name="sold_before_settled",
        breaks="the hold book is told that units are sold before Postgres decided",
        path="checkout/order.py",
        old='elif outcome is None and state == "confirmed":',
        new='elif outcome is None and state in ("authorised", "confirmed"):',
        tests=(UNIT, HERE + "test_settle.py"),
        by=UNIT + "test_order.py::test_an_order_whose_money_came_too_late_may_wait_for_its_units_again_in_another_hold",
    ),
    Mutant(
        name="captured_before_settled",
        breaks="money is taken before the units are the buyer's",
        path=STAGES,
        old="    WHERE state = 'confirmed' AND due_at_ms",
        new="    WHERE state IN ('authorised', 'confirmed') AND due_at_ms",
        tests=(HERE + "test_admin_and_buyer.py",),
        by=HERE + "test_admin_and_buyer.py::test_money_is_taken_only_once_the_units_are_the_buyers",
    ),
    Mutant(
        name="capture_key_renewed",
        breaks="every try of a capture is another capture",
        path="checkout/capture.py",
        old='f"capture:{order.order_id}"',
        new='f"capture:{order.order_id}:{order.attempts}"',
        tests=(HERE + "test_worker_dies.py",),
        by=HERE + "test_worker_dies.py::test_a_worker_that_dies_at_any_step_loses_nothing",
    ),
    Mutant(
        name="open_payments_ignored",
        breaks="a payment whose outcome is unknown is never asked for once its order has ended",
        path=STAGES,
        old=" AND (authorised > refunded + refund_reserved OR payment_open)\n",
        new=" AND authorised > refunded + refund_reserved\n",
        tests=(HERE + "test_late_and_double.py",),
        by=HERE + "test_late_and_double.py::"
        "test_of_an_old_and_a_new_payment_for_the_last_unit_one_is_sold_and_the_other_goes_back",
    ),
    Mutant(
        name="late_money_kept",
        breaks="money that comes for an order that has ended is not noticed",
        path="checkout/payment_answer.py",
        old='        return Change(order=move(paid, "authorised"))\n'
        "    if order.state in WITHOUT_UNITS and order.payment_open:\n",
        new='        return Change(order=move(paid, "authorised"))\n    if False:\n',
        tests=(UNIT, HERE + "test_late_and_double.py"),
        by=UNIT + "test_payment_answer.py::test_money_that_comes_after_the_end_is_written_down_and_revives_nothing",
    ),
    Mutant(
        name="refund_unreserved",
        breaks="two refunds at once give back more than was paid",
        path="checkout/refunds_pg.py",
        old="    await save_changes(connection, [reserve(order, share.amount)])\n",
        new="",
        tests=(HERE + "test_refunds.py",),
        by=HERE + "test_refunds.py::test_parts_keep_the_order_captured_and_the_last_one_ends_and_restocks_it",
    ),
    Mutant(
        name="news_by_last_id",
        breaks="news is read after the last that was told, so what commits late is skipped",
        path=STAGES,
        old="    WHERE NOT done AND due_at_ms <= (SELECT now_ms())\n    ORDER BY outbox_id\n",
        new="    WHERE outbox_id > (SELECT coalesce(max(outbox_id), 0) FROM outbox WHERE done)\n"
        "    ORDER BY outbox_id\n",
        tests=(HERE + "test_late_commits.py",),
        by=HERE + "test_late_commits.py::test_news_with_a_low_id_that_is_committed_late_is_told_all_the_same",
    ),
    Mutant(
        name="hooked_first",
        breaks="a merchant's news counts as queued before it is",
        path="checkout/webhooks/fan_out_pg.py",
        old="        async with self._postgres.transaction() as connection:\n"
        "            news = await connection.fetch(_sql.take_news, self._limit, self._buyer_first_ms)\n",
        new="        async with self._postgres.connection() as connection:\n"
        "            news = await connection.fetch(_sql.take_news, self._limit, self._buyer_first_ms)\n"
        '            await connection.execute(_sql.mark_hooked, [row["outbox_id"] for row in news])\n',
        tests=(HERE + "test_webhooks_out_fan_out.py", HERE + "test_late_commits.py"),
        by=HERE + "test_webhooks_out_fan_out.py::test_two_fan_outs_at_once_queue_everything_exactly_once",
    ),
    Mutant(
        name="connection_leaked",
        breaks="whoever is cancelled keeps their connection",
        path="kit/postgres.py",
        old="            async with AsyncExitStack() as stack:\n"
        "                asked_s = time.perf_counter()\n"
        "                try:\n"
        "                    async with asyncio.timeout(self._wait_s):\n"
        "                        connection = await self._pool.acquire()\n"
        "                        self._lent[connection.get_server_pid()] = connection\n"
        "                        stack.push_async_callback(self._give_back, connection, connection.get_server_pid())\n"
        "                finally:\n"
        "                    self.waits.add(time.perf_counter() - asked_s)\n"
        "                with self._cut_when_silent(connection):\n"
        "                    yield connection\n",
        new="            connection = await self._pool.acquire()\n"
        "            yield connection\n"
        "            await self._pool.release(connection)\n",
        tests=(HERE + "test_cancelled.py",),
        by=HERE + "test_cancelled.py::"
        "test_cancelled_at_any_await_a_stage_leaves_the_pool_whole_and_nothing_undone[checkout]",
    ),
)
"""They stand in the order of a purchase too."""
