"""The mutants: what an error in the code would look like, and which part of the suite has to notice it."""

from typing import Final

from tests.faults.mutant import Mutant
from tests.faults.mutants_of_paying import PAYING

KEEPER: Final = ("tests/integration/inventory/test_keeper.py", "tests/integration/inventory/test_pools.py")
LUA: Final = "inventory/lua/"

MUTANTS: Final = (
    Mutant(
        name="no_limit",
        breaks="a buyer gets as many units as they like",
        path=LUA + "claim_many.lua",
        old="if buyer[1] + quantity > pool.limit or #buyer > buyer_holds_most then return LIMIT end",
        new="",
    ),
    Mutant(
        name="no_stock_check",
        breaks="units are given away that are not there",
        path=LUA + "claim_many.lua",
        old="quantity > pool.available then",
        new="false then",
    ),
    Mutant(
        name="claims_forgotten",
        breaks="a claim that comes again is a new claim",
        path=LUA + "claim_many.lua",
        old="    if hold then\n",
        new="    if hold and false then\n",
    ),
    Mutant(
        name="anybodys_claim",
        breaks="a claim id answers whoever names it",
        path=LUA + "claim_many.lua",
        old="if hold[BUYER] ~= buyer_id or",
        new="if",
    ),
    Mutant(
        name="line_jumped",
        breaks="a claim takes the unit that somebody waits for",
        path=LUA + "claim_many.lua",
        old="if someone_waits or quantity",
        new="if quantity",
    ),
    Mutant(
        name="epoch_skipped",
        breaks="an older book gives units away",
        path=LUA + "book.lua",
        old="return pool.epoch == epoch and",
        new="return pool.epoch and",
    ),
    Mutant(
        name="server_trusted",
        breaks="a server that came back with an older memory gives units away",
        path=LUA + "book.lua",
        old="and pool.server == run_id()",
        new="",
    ),
    Mutant(
        name="sweep_forgotten",
        breaks="holds that are over keep their units",
        path=LUA + "units.lua",
        old="    while ended < FREED_MOST do",
        new="    while false do",
    ),
    Mutant(
        name="units_doubled",
        breaks="a hold that ended gives its units back again",
        path=LUA + "release.lua",
        old="if hold[STATUS] ~= HELD then return cmsgpack.pack(hold) end",
        new="",
    ),
    Mutant(
        name="expired_paid",
        breaks="a hold can be paid after its deadline",
        path=LUA + "submit.lua",
        old="if hold[STATUS] == HELD and deadline(hold) <= now then",
        new="if false then",
    ),
    Mutant(
        name="expired_extended",
        breaks="a hold can be extended after its deadline",
        path=LUA + "extend.lua",
        old="if hold[STATUS] == HELD and deadline(hold) <= now then",
        new="if false then",
    ),
    Mutant(
        name="over_promoted",
        breaks="more people are promoted than there are units",
        path=LUA + "units.lua",
        old="local buyer_id = pool.available > 0 and redis",
        new="local buyer_id = redis",
    ),
    Mutant(
        name="last_come",
        breaks="who joined the line last is served first",
        path=LUA + "units.lua",
        old="'ZPOPMIN'",
        new="'ZPOPMAX'",
    ),
    Mutant(
        name="sold_units_uncounted",
        breaks="what a buyer bought does not count for their limit",
        path=LUA + "resolve.lua",
        old="leave_buyer(hold[BUYER], key, -spare)",
        new="leave_buyer(hold[BUYER], key, -hold[QUANTITY])",
    ),
    Mutant(
        name="orders_forgotten",
        breaks="a rebuilt book sells what is being paid",
        path=LUA + "rebuild.lua",
        old="for at = 1, #orders, FIELDS do",
        new="for at = 1, 0, FIELDS do",
    ),
    Mutant(
        name="frozen_book_sells",
        breaks="a closed pool goes on taking claims",
        path=LUA + "freeze.lua",
        old="redis.call('HSET', POOL, 'closed', 1)",
        new="",
    ),
    Mutant(
        name="told_before",
        breaks="news counts as told before it is",
        path="inventory/keeper.py",
        old="            told = await self._tell(news) if news else ()\n            await self._holds.told(told)\n",
        new="            await self._holds.told(news)\n            told = await self._tell(news) if news else ()\n",
        tests=KEEPER,
    ),
    Mutant(
        name="loss_unnoticed",
        breaks="a book that was lost is never rebuilt",
        path="inventory/keeper.py",
        old="if counts.epoch != pool.epoch or not counts.current:",
        new="if False:",
        tests=KEEPER,
    ),
    Mutant(
        name="returned_twice",
        breaks="a closing pool gives its free units back at every look",
        path="inventory/pools_pg.py",
        old=' - row["returned"]\n',
        new="\n",
        tests=KEEPER,
    ),
    Mutant(
        name="judge_sleeps",
        breaks="orders are confirmed without looking at what is left",
        path="checkout/judge.py",
        old="fits = order.quantity <= left.get(order.pool_id, 0)",
        new="fits = order.pool_id in left",
        tests=("tests/unit/checkout",),
    ),
    Mutant(
        name="acknowledged_before_commit",
        breaks="the hold book's work is marked as done before it was told",
        path="checkout/resolve.py",
        old="        told: list[Resolution] = []\n",
        new="        told: list[Resolution] = list(due)\n        await self._resolutions.mark(due)\n",
        tests=("tests/integration/checkout",),
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
    ),
    *PAYING,
)
"""Each must be noticed. They stand in the order of a purchase."""
