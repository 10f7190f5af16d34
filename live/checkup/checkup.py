"""Looking at everything at once, and judging it; each part fails alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from checkout.payments.settings import provider_names, read_payment_settings
from inventory.pools_pg import Pools
from kit.embedded import find_running
from kit.errors import SettingError, ShowdropError, UnavailableError
from kit.settings import Settings, read_settings, unknown_variables
from kit.traces import ENDPOINT
from live.checkup.collector import look_at_collector
from live.checkup.doors_http import knock
from live.checkup.facts import Fleet
from live.checkup.facts_pg import ask_channels, ask_postgres, connected
from live.checkup.facts_redis import ask_books, ask_redis
from live.checkup.limits import PROBE_TIMEOUT_S
from live.checkup.machine import look_at_machine, look_at_secret
from live.checkup.machine_rules import (
    judge_collector,
    judge_door,
    judge_environment,
    judge_machine,
    judge_secret,
    judge_settings,
)
from live.checkup.postgres_rules import judge_channels, judge_postgres
from live.checkup.redis_rules import judge_books, judge_redis
from live.checkup.verdict import Verdict
from live.roles.api import POSTGRES_CONNECTIONS as API_CONNECTIONS
from live.roles.gateway import POSTGRES_CONNECTIONS as GATEWAY_CONNECTIONS
from live.roles.process import OPEN_FILES_SPARE
from live.roles.stores import Place, open_redis
from live.roles.worker import POSTGRES_CONNECTIONS as WORKER_CONNECTIONS
from live.roles.worker import POSTGRES_LISTENERS as WORKER_LISTENERS
from live.schema import MIGRATIONS
from live.variables import ALL_VARIABLES

_PORTS = ("SHOWDROP_HTTP_PORT", "SHOWDROP_WS_PORT")
EACH_NEEDS = Fleet(api=API_CONNECTIONS, gateways=GATEWAY_CONNECTIONS, workers=WORKER_CONNECTIONS + WORKER_LISTENERS)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be checked.

    Attributes:
        environ: variables by name.
        flags: values of the command line by field of ``Settings``.
        fleet: how many processes of each role there are to be.
    """

    environ: Mapping[str, str]
    flags: Mapping[str, object] = field(default_factory=dict)
    fleet: Fleet = field(default_factory=Fleet)


async def check_deployment(question: Question) -> list[Verdict]:
    """Look at the settings, this machine, the collector of traces, Redis, Postgres and the channels.

    Nothing is changed, made or migrated.
    """
    wrong = wrong_values(question.environ, question.flags)
    unknown = unknown_variables(question.environ, (one.name for one in ALL_VARIABLES))
    verdicts = list(judge_environment(wrong, unknown))
    if wrong:
        return verdicts  # nobody knows what was meant
    settings = read_settings(question.environ, flags=question.flags)
    takes = provider_names(read_payment_settings(question.environ), test_bank=settings.test_bank)
    verdicts += judge_settings(settings, takes_payments=takes)
    embedded = settings.redis_url is None or settings.database_url is None
    verdicts.append(judge_secret(look_at_secret(settings), embedded=embedded))
    needed = settings.max_viewers + OPEN_FILES_SPARE
    verdicts += judge_machine(look_at_machine(settings), open_files_needed=needed, embedded=embedded)
    verdicts += await _guarded("ports", "SHOWDROP_HOST", lambda: _check_doors(settings))
    verdicts += await _guarded("traces", ENDPOINT, lambda: _check_collector(question.environ))
    return verdicts + await _check_servers(settings, question.fleet)


def wrong_values(environ: Mapping[str, str], flags: Mapping[str, object]) -> list[str]:
    """Return one message for each value that cannot be, not for the first one only."""
    messages: list[str] = []
    names = [one.name for one in ALL_VARIABLES if one.name in environ and one.name not in _PORTS]
    # The ports must differ from each other: they are read together.
    ports = {name: environ[name] for name in _PORTS if name in environ}
    for variables in [*({name: environ[name]} for name in names), ports, environ]:
        try:
            read_settings(variables, flags=flags if variables is environ else None)
            if variables is environ:
                # A provider's variables make sense together only.
                read_payment_settings(environ)
        except SettingError as error:
            messages.append(error.message)
    return list(dict.fromkeys(messages))


async def _check_doors(settings: Settings) -> list[Verdict]:
    return [judge_door(door) for door in await knock(settings)]


async def _check_collector(environ: Mapping[str, str]) -> list[Verdict]:
    return [judge_collector(await look_at_collector(environ))]


async def _check_servers(settings: Settings, fleet: Fleet) -> list[Verdict]:
    try:
        own = find_running(settings.data_dir) if None in (settings.redis_url, settings.database_url) else None
    except ShowdropError as error:
        return [Verdict(check="servers", state="fail", found=error.message, remedy="Do as it says.")]
    redis_url = settings.redis_url or (own.redis_url if own else None)
    database_url = settings.database_url or (own.database_url if own else None)
    if redis_url is None or database_url is None:
        missing = [name for name, url in (("REDIS_URL", redis_url), ("DATABASE_URL", database_url)) if url is None]
        return [
            Verdict(
                check="servers",
                state="warn",
                found=f"{' and '.join(missing)} not set, and no servers run in the data directory",
                remedy="Set them to servers of yours, or start showdrop servers or make run, which bring their own.",
            )
        ]
    place = Place(settings=settings, database_url=database_url, redis_url=redis_url, secret="")
    redis, postgres = await asyncio.gather(
        _guarded("Redis", "REDIS_URL", lambda: _check_redis(place)),
        _guarded("Postgres", "DATABASE_URL", lambda: _check_postgres(place, fleet)),
    )
    # What needs both comes last, and only when both are there.
    together = await _guarded("hold books", "REDIS_URL", lambda: _check_both(place)) if _fit(redis + postgres) else []
    return redis + postgres + together


def _fit(verdicts: list[Verdict]) -> bool:
    unfit = {one.check for one in verdicts if one.state == "fail"}
    return not unfit & {"Redis", "Postgres", "Postgres schema"}


async def _check_redis(place: Place) -> list[Verdict]:
    client = open_redis(place, max_connections=2)
    try:
        servers = await ask_redis(client, embedded=place.settings.redis_url is None)
    finally:
        await client.aclose()
    return [verdict for one in servers for verdict in judge_redis(one)]


async def _check_postgres(place: Place, fleet: Fleet) -> list[Verdict]:
    async with connected(place.database_url) as postgres:
        facts = await ask_postgres(postgres)
    return list(judge_postgres(facts, known=frozenset(_migration_ids()), fleet=fleet, each_needs=EACH_NEEDS))


async def _check_both(place: Place) -> list[Verdict]:
    client = open_redis(place, max_connections=2)
    try:
        async with connected(place.database_url) as postgres:
            books = await ask_books(client, await Pools(postgres).unfinished())
            channels = await ask_channels(postgres)
    finally:
        await client.aclose()
    return [judge_books(books), judge_channels(channels)]


async def _guarded(name: str, variable: str, check: Callable[[], Awaitable[list[Verdict]]]) -> list[Verdict]:
    remedy = f"See that it runs, that this machine may reach it, and that {variable} is right."
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await check()
    except (UnavailableError, SettingError) as error:
        return [Verdict(check=name, state="fail", found=error.message, remedy=remedy)]
    except TimeoutError:
        found = f"no answer within {PROBE_TIMEOUT_S:.0f} s"
        return [Verdict(check=name, state="fail", found=found, remedy=remedy)]
    except Exception as error:  # noqa: BLE001 - what a driver makes of a strange address; its text may repeat that
        return [Verdict(check=name, state="fail", found=f"cannot be asked: {type(error).__name__}", remedy=remedy)]


def _migration_ids() -> Iterator[str]:
    for folder in MIGRATIONS:
        yield from (file.stem for file in folder.glob("*.sql") if not file.stem.endswith(".rollback"))
