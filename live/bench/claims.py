"""``claims``: the hold book deciding whole batches, beside one call per claim and beside the script alone.

Accepted claims only: every one becomes a hold. What refusals cost is measured over WebSocket (``loadtests/bench``).
"""

import asyncio
import time

from inventory.holds import Accepted, ClaimRequest, Pool
from inventory.holds_redis import RedisHolds
from kit.ids import new_id, new_ulid
from kit.redis_client import RedisClient
from live.bench.limits import (
    CLAIMS,
    CLAIMS_ALONE,
    CLAIMS_IN_FLIGHT,
    CLAIMS_PER_CALL,
    HOLD_MOST_BYTES,
    LEAST_TIMES_ALONE,
    LEAST_TIMES_SCRIPT,
    ROUNDS,
)
from live.bench.result import Measured, RateResult, Result, SizeResult
from live.bench.script_redis import bytes_used, script_rate


async def bench_claims(redis: RedisClient, redis_url: str) -> list[Result]:
    """Measure the ways in turns, on fresh pools that never sell out.

    Raises:
        StartupError: ``redis-benchmark`` is not installed, or failed.
    """
    holds = RedisHolds(redis)
    alone, batched, script, sizes = [], [], [], []
    for _ in range(ROUNDS):
        alone.append(await _round(holds, CLAIMS_ALONE, 1, CLAIMS_IN_FLIGHT))
        before = await bytes_used(redis)
        batched.append(await _round(holds, CLAIMS, CLAIMS_PER_CALL, CLAIMS_IN_FLIGHT // CLAIMS_PER_CALL))
        sizes.append((await bytes_used(redis) - before) / CLAIMS)
        script.append(await script_rate(holds, redis_url, _pool(CLAIMS * 2), CLAIMS))
    ours = Measured(
        way=f"{CLAIMS_PER_CALL} claims per call, {CLAIMS_IN_FLIGHT // CLAIMS_PER_CALL} at once",
        items=CLAIMS,
        seconds=min(batched),
    )
    return [
        RateResult(
            name="claims",
            unit="claims",
            floor=Measured(
                way=f"one call per claim, {CLAIMS_IN_FLIGHT} at once", items=CLAIMS_ALONE, seconds=min(alone)
            ),
            ours=ours,
            least_ratio=LEAST_TIMES_ALONE,
        ),
        RateResult(
            name="claims-script",
            unit="claims",
            floor=min(script, key=lambda one: one.seconds / one.items),
            ours=ours,
            least_ratio=LEAST_TIMES_SCRIPT,
        ),
        SizeResult(
            name="claims-memory",
            what=f"Redis memory per live hold, {CLAIMS:,} holds of as many buyers",
            bytes_each=sorted(sizes)[len(sizes) // 2],
            most_bytes=HOLD_MOST_BYTES,
        ),
    ]


async def _round(holds: RedisHolds, claims: int, per_call: int, at_once: int) -> float:
    """Decide ``claims`` claims of as many buyers; return the seconds it took."""
    pool = _pool(claims)
    await holds.open(pool)
    wishes = [
        ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id=f"customer-{number:09d}", quantity=1)
        for number in range(claims)
    ]
    calls = iter([wishes[at : at + per_call] for at in range(0, claims, per_call)])
    accepted = 0

    async def work() -> None:
        nonlocal accepted
        for call in calls:
            answers = await holds.claim_many(pool, call)
            accepted += sum(isinstance(answer, Accepted) for answer in answers)

    started_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds = time.perf_counter() - started_s
    if accepted != claims:
        raise RuntimeError(f"only {accepted} of {claims} claims were accepted: the round measured something else")
    return seconds


def _pool(units: int) -> Pool:
    now_ms = time.time_ns() // 1_000_000
    return Pool(
        pool_id=new_id("offer"),
        pool_no=1,
        epoch=1,
        sku="BENCH",
        allocated=units,
        per_buyer_limit=1,
        starts_at_ms=now_ms - 60_000,
        ends_at_ms=now_ms + 3_600_000,
        grace_ms=0,
        hold_ttl_ms=600_000,
        waitlist_hold_ttl_ms=600_000,
    )
