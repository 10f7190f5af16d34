"""Housekeeping of shows: only events that everybody had, of shows that are long over; the newest stays."""

from kit.postgres import Postgres
from live.housekeeping_pg import ShowHousekeeping
from live.limits import SHOW_EVENTS_KEPT_MS

DAY_MS = 24 * 3_600_000


async def add_show(
    postgres: Postgres, show_id: str, state: str, *, ended_ago_ms: int | None = None, relayed: bool = True
) -> None:
    async with postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO shows (show_id, title, currency, state, seq, ended_at_ms)"
            " VALUES ($1, 'Mugs', 'EUR', $2, 5, now_ms() - $3::bigint)",
            show_id,
            state,
            ended_ago_ms,
        )
        await connection.execute(
            "INSERT INTO show_events (show_id, seq, event, at_ms, relayed)"
            " SELECT $1, seq, '{}', 0, $2 FROM generate_series(1, 5) AS seq",
            show_id,
            relayed,
        )


async def events(postgres: Postgres) -> dict[str, list[int]]:
    async with postgres.connection() as connection:
        rows = await connection.fetch("SELECT show_id, array_agg(seq ORDER BY seq) AS seqs FROM show_events GROUP BY 1")
    return {row["show_id"]: row["seqs"] for row in rows}


async def test_events_of_a_show_go_when_it_is_long_over(postgres: Postgres) -> None:
    await add_show(postgres, "long over", "ended", ended_ago_ms=SHOW_EVENTS_KEPT_MS + DAY_MS)
    await add_show(postgres, "just over", "ended", ended_ago_ms=SHOW_EVENTS_KEPT_MS - DAY_MS)
    await add_show(postgres, "on for ever", "live", ended_ago_ms=SHOW_EVENTS_KEPT_MS + DAY_MS)
    await add_show(postgres, "paused for ever", "paused")
    await add_show(postgres, "not relayed", "ended", ended_ago_ms=SHOW_EVENTS_KEPT_MS + DAY_MS, relayed=False)
    keeping = ShowHousekeeping(postgres)
    assert await keeping.round() == 4
    whole = [1, 2, 3, 4, 5]
    assert await events(postgres) == {
        "long over": [5],
        "just over": whole,
        "on for ever": whole,
        "paused for ever": whole,
        "not relayed": whole,
    }
    assert await keeping.round() == 0
