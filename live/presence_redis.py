"""How many watch a show: every gateway writes its own count, anyone adds up the fresh ones."""

from collections.abc import Sequence

from redis.asyncio import Redis

from kit.clock import now_ms
from kit.redis_client import Command, pipelined
from live.limits import PRESENCE_FRESH_MS, PRESENCE_KEPT_S


def _key(show_id: str) -> str:
    return f"{{{show_id}}}:viewers"


async def write_viewers(redis: Redis, gateway_id: str, counts: dict[str, int]) -> None:
    """Write this gateway's number of viewers of each show."""
    if not counts:
        return
    commands: list[Command] = []
    for show_id, count in counts.items():
        commands.append(("HSET", _key(show_id), gateway_id, f"{count}:{now_ms()}"))
        commands.append(("EXPIRE", _key(show_id), PRESENCE_KEPT_S))
    await pipelined(redis, commands)


async def read_viewers(redis: Redis, show_ids: Sequence[str]) -> list[int]:
    """Return how many watch each show now; a gateway that fell silent no longer counts."""
    if not show_ids:
        return []
    rows = await pipelined(redis, [("HVALS", _key(show_id)) for show_id in show_ids])
    oldest = now_ms() - PRESENCE_FRESH_MS
    return [sum(_fresh(value, oldest) for value in values) for values in rows]


def _fresh(value: bytes, oldest_ms: int) -> int:
    count, at_ms = value.split(b":")
    return int(count) if int(at_ms) >= oldest_ms else 0
