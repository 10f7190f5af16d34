"""The mutants: what an error in the code would look like, and which part of the suite has to notice it."""

from typing import Final

from tests.faults.mutant import Mutant
from tests.faults.mutants_of_paying import PAYING

HERE: Final = "tests/integration/inventory/"
KEEPER: Final = (HERE + "test_keeper.py", HERE + "test_pools.py")
LUA: Final = "inventory/lua/"

MUTANTS: Final = (
    Mutant(
        name="no_limit",
        breaks="a buyer gets as many units as they like",
        path=LUA + "claim_many.lua",
        old="if buyer[1] + quantity > pool.limit or #buyer > buyer_holds_most then return LIMIT end",
        new="",
        by=HERE + "test_holds_redis.py::test_the_limit_counts_live_and_sold_units_and_frees_with_a_release",
    ),
    Mutant(
        name="no_stock_check",
        breaks="units are given away that are not there",
        path=LUA + "claim_many.lua",
        old="quantity > pool.available then",
        new="false then",
        by=HERE + "test_holds_redis.py::test_exactly_the_allocated_units_are_held_when_many_claim_at_once",
    ),
    Mutant(
        name="claims_forgotten",
        breaks="a claim that comes again is a new claim",
        path=LUA + "claim_many.lua",
        old="    if hold then\n",
        new="    if hold and false then\n",
        by=HERE + "test_holds_redis.py::test_a_repeated_claim_gets_its_first_answer_and_takes_nothing_more",
    ),
    Mutant(
        name="anybodys_claim",
        breaks="a claim id answers whoever names it",
        path=LUA + "claim_many.lua",
        old="if hold[BUYER] ~= buyer_id or",
        new="if",
        by=HERE + "test_holds_redis.py::test_a_claim_id_of_another_buyer_or_quantity_is_invalid",
    ),
    Mutant(
        name="line_jumped",
        breaks="a claim takes the unit that somebody waits for",
        path=LUA + "claim_many.lua",
        old="if someone_waits or quantity",
        new="if quantity",
        by=HERE + "test_sale_line.py::"
        "test_a_claim_gets_no_unit_before_those_who_wait_even_when_one_call_cannot_serve_them_all",
    ),
    Mutant(
        name="epoch_skipped",
        breaks="an older book gives units away",
        path=LUA + "book.lua",
        old="return pool.epoch == epoch and",
        new="return pool.epoch and",
        by=HERE + "test_holds_redis.py::test_a_wrong_or_missing_epoch_answers_recovering_and_changes_nothing",
    ),
    Mutant(
        name="server_trusted",
        breaks="a server that came back with an older memory gives units away",
        path=LUA + "book.lua",
        old="and pool.server == run_id()",
        new="",
        by=HERE + "test_book_machine.py::test_model_and_real_book_agree_in_whatever_order_things_happen",
    ),
    Mutant(
        name="sweep_forgotten",
        breaks="holds that are over keep their units",
        path=LUA + "units.lua",
        old="    while ended < FREED_MOST do",
        new="    while false do",
        by=HERE + "test_holds_redis.py::test_an_overdue_unit_is_claimable_without_the_sweeper",
    ),
    Mutant(
        name="units_doubled",
        breaks="a hold that ended gives its units back again",
        path=LUA + "release.lua",
        old="if hold[STATUS] ~= HELD then return cmsgpack.pack(hold) end",
        new="",
        by=HERE + "test_holds_redis.py::test_a_submitted_hold_does_not_expire_and_ends_once",
    ),
    Mutant(
        name="expired_paid",
        breaks="a hold can be paid after its deadline",
        path=LUA + "submit.lua",
        old="if hold[STATUS] == HELD and deadline(hold) <= now then",
        new="if false then",
        by=HERE + "test_holds_redis.py::test_an_overdue_hold_cannot_be_paid_although_nobody_swept",
    ),
    Mutant(
        name="expired_extended",
        breaks="a hold can be extended after its deadline",
        path=LUA + "extend.lua",
        old="if hold[STATUS] == HELD and deadline(hold) <= now then",
        new="if false then",
        by=HERE + "test_sale_ends.py::test_a_hold_is_not_extended_at_its_deadline_and_its_unit_is_free_by_that",
    ),
    Mutant(
        name="over_promoted",
        breaks="more people are promoted than there are units",
        path=LUA + "units.lua",
        old="local buyer_id = pool.available > 0 and redis",
        new="local buyer_id = redis",
        by=HERE + "test_sale_line.py::test_a_buyer_who_left_the_line_is_not_promoted_and_the_next_one_is",
    ),
    Mutant(
        name="last_come",
        breaks="who joined the line last is served first",
        path=LUA + "units.lua",
        old="'ZPOPMIN'",
        new="'ZPOPMAX'",
        by=HERE + "test_sale_line.py::test_a_buyer_who_left_the_line_is_not_promoted_and_the_next_one_is",
    ),
    Mutant(
        name="sold_units_uncounted",
        breaks="what a buyer bought does not count for their limit",
        path=LUA + "resolve.lua",
        old="leave_buyer(hold[BUYER], key, -spare)",
        new="leave_buyer(hold[BUYER], key, -hold[QUANTITY])",
        by=HERE + "test_holds_redis.py::test_the_limit_counts_live_and_sold_units_and_frees_with_a_release",
    ),
    Mutant(
        name="orders_forgotten",
        breaks="a rebuilt book sells what is being paid",
        path=LUA + "rebuild.lua",
        old="for at = 1, #orders, FIELDS do",
        new="for at = 1, 0, FIELDS do",
        by=HERE + "test_holds_redis.py::test_a_lost_book_is_rebuilt_from_postgres",
    ),
    Mutant(
        name="frozen_book_sells",
        breaks="a closed pool goes on taking claims",
        path=LUA + "freeze.lua",
        old="redis.call('HSET', POOL, 'closed', 1)",
        new="",
        by=HERE + "test_holds_redis.py::test_closing_refuses_claims_and_voiding_also_ends_live_holds",
    ),
    Mutant(
        name="told_before",
        breaks="news counts as told before it is",
        path="inventory/keeper.py",
        old="            told = await self._tell(news) if news else ()\n            await self._holds.told(told)\n",
        new="            await self._holds.told(news)\n            told = await self._tell(news) if news else ()\n",
        tests=KEEPER,
        by=HERE + "test_keeper.py::test_an_end_that_could_not_be_told_is_told_by_the_next_round",
    ),
    Mutant(
        name="loss_unnoticed",
        breaks="a book that was lost is never rebuilt",
        path="inventory/keeper.py",
        old="if counts.epoch != pool.epoch or not counts.current:",
        new="if False:",
        tests=KEEPER,
        by=HERE + "test_keeper.py::test_a_lost_book_is_rebuilt_from_the_orders",
    ),
    Mutant(
        name="returned_twice",
        breaks="a closing pool gives its free units back at every look",
        path="inventory/pools_pg.py",
        old=' - row["returned"]\n',
        new="\n",
        tests=KEEPER,
        by=HERE + "test_keeper.py::test_a_closed_pool_gives_back_what_is_free_now_and_the_rest_as_holds_end",
    ),
    Mutant(
        name="judge_sleeps",
        breaks="orders are confirmed without looking at what is left",
        path="checkout/judge.py",
        old="fits = order.quantity <= left.get(order.pool_id, 0)",
        new="fits = order.pool_id in left",
        tests=("tests/unit/checkout",),
        by="tests/unit/checkout/test_order.py::"
        "test_the_judge_never_oversells_and_leaves_no_unit_that_somebody_could_have",
    ),
    Mutant(
        name="acknowledged_before_commit",
        breaks="the hold book's work is marked as done before it was told",
        path="checkout/resolve.py",
        old="        told: list[Resolution] = []\n",
        new="        told: list[Resolution] = list(due)\n        await self._resolutions.mark(due)\n",
        tests=("tests/integration/checkout",),
        by="tests/integration/checkout/test_cancelled.py::"
        "test_cancelled_at_any_await_a_stage_leaves_the_pool_whole_and_nothing_undone[resolve]",
    ),
    Mutant(
        name="outbox_marked_first",
        breaks="a buyer's news is marked as told before it is",
        path="checkout/outbox_pg.py",
        old="        await deliver(\n",
        new="        async with self._postgres.connection() as connection:\n"
        '            await connection.execute(_sql.mark_told, [row["outbox_id"] for row in rows])\n'
        "        await deliver(\n",
        tests=("tests/integration/checkout",),
        by="tests/integration/checkout/test_cancelled.py::"
        "test_cancelled_at_any_await_a_stage_leaves_the_pool_whole_and_nothing_undone[relay]",
    ),
    *PAYING,
)
"""Each must be noticed. They stand in the order of a purchase."""
