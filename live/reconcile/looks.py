"""Looking: everything collected once, and looks repeated until only what lasts is left."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from live.reconcile.book_turns import BookTurns
from live.reconcile.drift import judge
from live.reconcile.facts import Facts
from live.reconcile.facts_pg import read_postgres
from live.reconcile.facts_redis import holds_in, read_books
from live.reconcile.findings import Finding, drift_keys, lasting
from live.reconcile.limits import LOOK_EVERY_S
from live.roles.stores import Stores


async def look(stores: Stores, *, turns: BookTurns | None = None) -> Facts:
    """Collect everything once: Postgres, and then Redis.

    Args:
        stores: where everything is.
        turns: which hold books are only counted; None reads all of them whole.

    Raises:
        UnavailableError: one of them does not answer.
    """
    rows = await read_postgres(stores.postgres)
    pool_ids = [pool.pool_id for pool in rows.pools if not pool.finished]
    counted = frozenset[str]() if turns is None else turns.counted(await holds_in(stores.redis, pool_ids))
    books = await read_books(stores.redis, pool_ids, counted=counted)
    positions = await stores.log.positions([log.show_id for log in rows.logs])
    return Facts(
        stock=rows.stock,
        fences=rows.fences,
        pools=rows.pools,
        orders=rows.orders,
        books=books,
        money=rows.money,
        logs=tuple(
            msgspec.structs.replace(log, redis_top=position.seq if position else None)
            for log, position in zip(rows.logs, positions, strict=True)
        ),
        levels=rows.levels,
        totals=rows.totals,
    )


async def settled(
    look_once: Callable[[], Awaitable[Facts]], *, in_flight_s: float, look_every_s: float = LOOK_EVERY_S
) -> list[Finding]:
    """Look until nothing is off, or for ``in_flight_s``; only what every look showed is left in the findings.

    Args:
        look_once: collects the facts.
        in_flight_s: what is on its way gets this long to arrive.
        look_every_s: the pause between two looks.

    Raises:
        UnavailableError: passed on from ``look_once``.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + in_flight_s
    findings = await _judged(look_once)
    while drift_keys(findings) and loop.time() < give_up_at:
        await asyncio.sleep(look_every_s)
        findings = lasting(await _judged(look_once), drift_keys(findings))
    return findings


async def _judged(look_once: Callable[[], Awaitable[Facts]]) -> list[Finding]:
    # In a thread: with some thousand holds it takes longer than the worker's other loops should wait.
    return await asyncio.to_thread(judge, await look_once())
