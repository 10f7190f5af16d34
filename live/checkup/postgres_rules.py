"""What Postgres has to be like for a show, and what it tells of the channels. Pure."""

from collections.abc import Collection, Iterator, Sequence

from live.checkup.facts import ChannelFacts, Fleet, PostgresFacts
from live.checkup.limits import (
    CHANNEL_LAG_WARN_MS,
    LATENCY_FAIL_MS,
    LATENCY_WARN_MS,
    NAMES_SHOWN,
    POSTGRES_OLDEST,
    POSTGRES_TESTED,
    TOOL_CONNECTIONS,
)
from live.checkup.redis_rules import clock
from live.checkup.verdict import Verdict, fine, graded, named

NEEDED_ON = {
    "fsync": "a crash of the machine would corrupt the database",
    "full_page_writes": "a crash of the machine would corrupt the database",
    "synchronous_commit": "a crash would lose orders that buyers were told of",
}
"""Settings that must not be off, each with what happens else."""


def judge_postgres(
    facts: PostgresFacts, *, known: Collection[str], fleet: Fleet, each_needs: Fleet
) -> Iterator[Verdict]:
    """Judge the database.

    Args:
        facts: of it.
        known: ids of the migrations that this program has.
        fleet: how many processes are to connect to it.
        each_needs: how many connections one process of each role opens.
    """
    yield _version(facts)
    yield _role(facts)
    yield _schema(facts, known)
    yield _durable(facts)
    yield _connections(facts, fleet, connections_needed(fleet, each_needs))
    yield graded(
        "Postgres latency",
        facts.latency_ms,
        warn_above=LATENCY_WARN_MS,
        fail_above=LATENCY_FAIL_MS,
        found=f"{facts.latency_ms:.1f} ms a round trip",
        remedy="Run Postgres near the workers, and look for what else its machine does.",
    )
    yield clock("Postgres", facts.ahead_ms)


def connections_needed(fleet: Fleet, each_needs: Fleet) -> int:
    """Return how many connections the roles open at most, and the tools beside them."""
    return (
        fleet.api * each_needs.api
        + fleet.gateways * each_needs.gateways
        + fleet.workers * each_needs.workers
        + TOOL_CONNECTIONS
    )


def judge_channels(channels: Sequence[ChannelFacts]) -> Verdict:
    """Judge whether every channel is told what is left."""
    troubles = [f"{one.name} ({one.kind}): {trouble}" for one in channels if (trouble := _trouble(one))]
    if not troubles:
        return fine("channels", f"{len(channels)} connected, all are told" if channels else "none connected")
    return Verdict(
        check="channels",
        state="warn",
        found=named(troubles, NAMES_SHOWN),
        remedy="Look at last_error in GET /v1/channels, mend that, and resume what is paused.",
    )


def _trouble(one: ChannelFacts) -> str:
    if one.state != "active":
        return one.state
    if one.oversold:
        return f"{one.oversold} orders without units"
    return f"{one.behind} SKUs behind for {one.lag_ms // 1000} s" if one.lag_ms > CHANNEL_LAG_WARN_MS else ""


def _version(facts: PostgresFacts) -> Verdict:
    if facts.major < POSTGRES_OLDEST:
        remedy = f"Use Postgres {POSTGRES_TESTED}, or at least {POSTGRES_OLDEST}."
        return Verdict(check="Postgres version", state="fail", found=facts.version, remedy=remedy)
    if facts.major < POSTGRES_TESTED:
        remedy = f"Plan for Postgres {POSTGRES_TESTED}: it is what every test runs on."
        return Verdict(check="Postgres version", state="warn", found=facts.version, remedy=remedy)
    return fine("Postgres version", facts.version)


def _role(facts: PostgresFacts) -> Verdict:
    if facts.is_standby or facts.settings.get("default_transaction_read_only") == "on":
        return Verdict(
            check="Postgres role",
            state="fail",
            found="a standby" if facts.is_standby else "read only",
            remedy="Let DATABASE_URL name the primary, with a user who may write.",
        )
    return fine("Postgres role", "primary")


def _schema(facts: PostgresFacts, known: Collection[str]) -> Verdict:
    missing, newer = sorted(set(known) - facts.applied), sorted(facts.applied - set(known))
    if missing:
        return Verdict(
            check="Postgres schema",
            state="fail",
            found=f"lacks {named(missing, NAMES_SHOWN)}" if facts.applied else "was never migrated",
            remedy="Run showdrop migrate.",
        )
    if newer:
        return Verdict(
            check="Postgres schema",
            state="warn",
            found=f"has migrations that this program does not know: {named(newer, NAMES_SHOWN)}",
            remedy="Finish the upgrade of every role; a release runs on the schema of the next one, not longer.",
        )
    return fine("Postgres schema", f"{len(known)} migrations, all applied")


def _durable(facts: PostgresFacts) -> Verdict:
    off = [name for name in NEEDED_ON if facts.settings.get(name) == "off"]
    if off:
        return Verdict(
            check="Postgres durability",
            state="fail",
            found=", ".join(f"{name} off" for name in off),
            remedy=f"Turn on {' and '.join(off)}: else {NEEDED_ON[off[0]]}.",
        )
    return fine("Postgres durability", ", ".join(f"{name} {facts.settings.get(name, '?')}" for name in NEEDED_ON))


def _connections(facts: PostgresFacts, fleet: Fleet, needed: int) -> Verdict:
    usable = facts.max_connections - facts.reserved - facts.others
    # A rolling restart runs the old and the new processes side by side.
    return graded(
        "Postgres connections",
        needed,
        warn_above=usable // 2,
        fail_above=usable,
        found=(
            f"{needed} needed by {fleet.api} api, {fleet.gateways} gateway and {fleet.workers} worker processes, "
            f"{usable} free of {facts.max_connections}"
        ),
        remedy=(
            f"Raise max_connections to {2 * needed + facts.reserved + facts.others}, so that a rolling restart fits, "
            "or run fewer processes."
        ),
    )
