"""``claims``: the hold book deciding 256 claims per call, beside one call per claim."""

import asyncio
import time
from collections.abc import Sequence

from inventory.holds import Accepted, ClaimRequest, Pool
from inventory.holds_redis import RedisHolds
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.ids import new_id, new_ulid
from kit.redis_client import RedisClient
from live.bench.limits import CLAIMS, CLAIMS_ALONE, CLAIMS_AT_ONCE, ROUNDS
from live.bench.result import BenchResult, Measured


async def bench_claims(redis: RedisClient) -> BenchResult:
    """Measure both ways on fresh pools that never sell out: every claim becomes a hold."""
    holds = RedisHolds(redis)
    alone = [await _round(holds, CLAIMS_ALONE, 1, CLAIMS_AT_ONCE) for _ in range(ROUNDS)]
    batched = [await _round(holds, CLAIMS, CLAIM_MOST_PER_CALL, 1) for _ in range(ROUNDS)]
    return BenchResult(
        name="claims",
        unit="claims",
        floor=Measured(way=f"one call per claim, {CLAIMS_AT_ONCE} at once", items=CLAIMS_ALONE, seconds=min(alone)),
        ours=Measured(way=f"{CLAIM_MOST_PER_CALL} claims per call", items=CLAIMS, seconds=min(batched)),
        servers={"redis_server": str((await redis.info("server"))["redis_version"])},
    )


async def _round(holds: RedisHolds, claims: int, per_call: int, at_once: int) -> float:
    """Decide ``claims`` claims of as many buyers; return the seconds it took."""
    pool = _pool(claims)
    await holds.open(pool)
    wishes = [
        ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id=f"buyer-{number}", quantity=1)
        for number in range(claims)
    ]
    calls = iter([wishes[at : at + per_call] for at in range(0, claims, per_call)])
    accepted = 0

    async def work(queue: "Sequence[ClaimRequest] | None") -> None:
        nonlocal accepted
        while queue is not None:
            answers = await holds.claim_many(pool, queue)
            accepted += sum(isinstance(answer, Accepted) for answer in answers)
            queue = next(calls, None)

    started_s = time.perf_counter()
    await asyncio.gather(*(work(next(calls, None)) for _ in range(at_once)))
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
    )
