"""What Redis has to be like for a show. Pure."""

from collections.abc import Iterator

from live.checkup.facts import BookFacts, RedisFacts
from live.checkup.limits import (
    CLOCK_FAIL_MS,
    CLOCK_WARN_MS,
    LATENCY_FAIL_MS,
    LATENCY_WARN_MS,
    MEMORY_FAIL_SHARE,
    MEMORY_WARN_SHARE,
    NAMES_SHOWN,
    REDIS_OLDEST,
)
from live.checkup.verdict import Verdict, fine, graded, in_bytes, named

DURABLE = ("everysec", "always")


def judge_redis(facts: RedisFacts) -> Iterator[Verdict]:
    """Judge one server."""
    yield _version(facts)
    yield _role(facts)
    yield _loading(facts)
    yield _append_only(facts)
    yield _eviction(facts)
    yield _memory(facts)
    yield graded(
        f"{facts.name} latency",
        facts.latency_ms,
        warn_above=LATENCY_WARN_MS,
        fail_above=LATENCY_FAIL_MS,
        found=f"{facts.latency_ms:.1f} ms a round trip",
        remedy="Run Redis near the gateways, and look for what else its machine does.",
    )
    yield clock(facts.name, facts.ahead_ms)


def clock(name: str, ahead_ms: float) -> Verdict:
    """Judge how far a server's clock is from this machine's."""
    away_s = f"{abs(ahead_ms) / 1000:.2f}"
    found = f"{away_s} s {'ahead of' if ahead_ms > 0 else 'behind'} this machine"
    return graded(
        f"{name} clock",
        abs(ahead_ms),
        warn_above=CLOCK_WARN_MS,
        fail_above=CLOCK_FAIL_MS,
        found=found if float(away_s) else "in step with this machine",
        remedy="Let every machine set its clock by the same time servers (chrony or systemd-timesyncd).",
    )


def judge_books(books: BookFacts) -> Verdict:
    """Judge whether every unfinished offer could sell now."""
    if not books.recovering:
        return fine("hold books", f"{books.pools} unfinished offers, none is recovering")
    return Verdict(
        check="hold books",
        state="fail",
        found=f"recovering: {named(books.recovering, NAMES_SHOWN)}",
        remedy="See that a worker runs: it rebuilds them within a second, and until then their claims are refused.",
    )


def _version(facts: RedisFacts) -> Verdict:
    numbers = tuple(int(part) if part.isdigit() else 0 for part in facts.version.split(".")[:2])
    check, oldest = f"{facts.name} version", ".".join(map(str, REDIS_OLDEST))
    if numbers >= REDIS_OLDEST:
        return fine(check, facts.version)
    return Verdict(check=check, state="fail", found=facts.version, remedy=f"Use Redis {oldest} or later, or Valkey.")


def _role(facts: RedisFacts) -> Verdict:
    check = f"{facts.name} role"
    if facts.role != "master":
        return Verdict(
            check=check,
            state="fail",
            found="a replica, which takes no writes",
            remedy="Let REDIS_URL name the master, or a name that follows it.",
        )
    if facts.in_cluster and not facts.asked_as_cluster:
        return Verdict(
            check=check,
            state="fail",
            found="a node of a cluster",
            remedy="Name the cluster by its scheme: REDIS_URL=redis+cluster://host:port,host:port.",
        )
    return fine(check, f"{'cluster ' if facts.in_cluster else ''}master with {facts.replicas} replicas")


def _loading(facts: RedisFacts) -> Verdict:
    check = f"{facts.name} start"
    if not facts.loading:
        return fine(check, "has read its data")
    return Verdict(
        check=check,
        state="fail",
        found="still reads its data",
        remedy="Wait until it has, and check again; claims are refused until then.",
    )


def _append_only(facts: RedisFacts) -> Verdict:
    check = f"{facts.name} persistence"
    if not facts.append_only:
        return Verdict(
            check=check,
            state="fail",
            found="no append-only file",
            remedy="Set appendonly yes and appendfsync everysec: without it a restart loses every live hold.",
        )
    if not facts.last_write_ok:
        return Verdict(
            check=check,
            state="fail",
            found="the last write of the append-only file failed",
            remedy="Make room on the disk of Redis, and look into its log.",
        )
    if facts.appendfsync is None:
        return Verdict(
            check=check,
            state="warn",
            found="an append-only file; how often it is synced may not be asked",
            remedy="See in the provider's console that appendfsync is everysec or always.",
        )
    if facts.appendfsync not in DURABLE:
        return Verdict(
            check=check,
            state="fail",
            found=f"appendfsync {facts.appendfsync}",
            remedy="Set appendfsync everysec (or always): else a crash loses half a minute of holds.",
        )
    return fine(check, f"append-only file, appendfsync {facts.appendfsync}")


def _eviction(facts: RedisFacts) -> Verdict:
    check = f"{facts.name} eviction"
    if facts.eviction == "noeviction":
        return fine(check, facts.eviction)
    return Verdict(
        check=check,
        state="fail",
        found=facts.eviction,
        remedy="Set maxmemory-policy noeviction: an evicted hold book has to be rebuilt in the middle of an offer.",
    )


def _memory(facts: RedisFacts) -> Verdict:
    check, used = f"{facts.name} memory", in_bytes(facts.used_bytes)
    if facts.maxmemory_bytes:
        share = facts.used_bytes / facts.maxmemory_bytes
        return graded(
            check,
            share,
            warn_above=MEMORY_WARN_SHARE,
            fail_above=MEMORY_FAIL_SHARE,
            found=f"{used} of {in_bytes(facts.maxmemory_bytes)} ({share:.0%})",
            remedy="Raise maxmemory, or see what else is kept in this Redis.",
        )
    if facts.embedded:
        return fine(check, f"{used}, no limit")
    return Verdict(
        check=check,
        state="warn",
        found=f"{used}, no limit",
        remedy="Set maxmemory below the machine's memory, so that Redis refuses writes before the system kills it.",
    )
