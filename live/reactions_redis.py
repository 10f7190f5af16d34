"""Reactions: every gateway adds its viewers' taps, anyone reads the sums."""

from redis.asyncio import Redis

from kit.redis_client import Command, pipelined
from live.limits import PRESENCE_KEPT_S


async def add_reactions(redis: Redis, taps: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Add taps by show and kind, in one round trip; return each show's sums by kind.

    Raises:
        UnavailableError: Redis does not answer; some of the taps may have been added.
    """
    commands: list[Command] = []
    sums_at: list[int] = []
    for show_id, kinds in taps.items():
        key = f"{{{show_id}}}:reactions"
        commands += [("HINCRBY", key, kind, count) for kind, count in kinds.items()]
        if kinds:
            commands.append(("EXPIRE", key, PRESENCE_KEPT_S))
        sums_at.append(len(commands))
        commands.append(("HGETALL", key))
    if not commands:
        return {}
    replies = await pipelined(redis, commands)
    return {
        show_id: {kind.decode(): int(count) for kind, count in replies[at].items()}
        for show_id, at in zip(taps, sums_at, strict=True)
    }
