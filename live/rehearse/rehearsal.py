"""A rehearsal from beginning to end, against a running server."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import TypeVar

import msgspec

from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live.rehearse.at_bank import AtTheBank
from live.rehearse.channel_watch_pg import ChannelWatch
from live.rehearse.crowd import Crowd
from live.rehearse.facts import Facts
from live.rehearse.fake_bank_http import FakeBank
from live.rehearse.host_http import HostHttp, ServerGoneError, check_gateway
from live.rehearse.limits import HEALTH_POLL_S, SERVER_GONE_S
from live.rehearse.performance import Performance
from live.rehearse.plan import Payments, make_plans
from live.rehearse.progress import Progress
from live.rehearse.receiver_http import ChannelReceiver
from live.rehearse.report import RehearseReport, make_report
from live.rehearse.stagehand import Stage, Stagehand
from live.rehearse.stop_signals import RehearsalStoppedError, StopSignals
from live.tokens import Tokens

T = TypeVar("T")


class RehearseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to rehearse, and where.

    Attributes:
        http_url: base address of the API.
        ws_url: base address of the gateway; None: the one that the API names.
        secret: the deployment's; tokens are minted with it.
        database_url: read for the verification, never written.
        redis_url: likewise.
        units: of the offer.
        seed: the same one gives the same audience.
        with_channel: whether a webhook channel of the rehearsal's own is set up for its time.
        payments: how its buyers pay.
    """

    http_url: str
    ws_url: str | None
    secret: str
    database_url: str
    redis_url: str
    viewers: int = 300
    units: int = 100
    seed: int = 1
    with_channel: bool = True
    payments: Payments = "test"


class _Meta(msgspec.Struct):
    ws_url: str


class OwnHouse(msgspec.Struct, frozen=True):
    """What a rehearsal knows of a server that was started for it alone, and goes away with all that is in it.

    Attributes:
        bank: takes the money there.
        signals: caught already, for longer than the rehearsal itself.
    """

    bank: FakeBank
    signals: StopSignals


async def rehearse(options: RehearseOptions, progress: Progress, house: OwnHouse | None = None) -> RehearseReport:
    """Run a show against a running server and verify it.

    What it sold comes from units that it put there itself, and what is left of them is taken away again; its channel
    is removed at the end. An error that ends it early carries what was cleared up, or could not be, as its note. In a
    house of its own nothing is cleared up: the house goes.

    Raises:
        NoServerError: nobody listens at that address, or at the gateway's.
        RehearsalStoppedError: SIGINT or SIGTERM; all is cleared up.
        NoCatalogueError: there is no variant to sell.
        HostRefusedError: the API refused a call; the message is its own.
        UnavailableError: the server or one of its databases stopped answering.
        ClientClosedError: the gateway refused a viewer for good.
    """
    tokens = Tokens(options.secret)
    host = HostHttp(options.http_url, tokens.mint("host", "rehearsal", ttl_s=3600)[0])
    try:
        await host.check()
        postgres = await Postgres.connect(options.database_url, max_size=2, application_name="showdrop rehearse")
        try:
            return await _Rehearsal(options, progress, tokens, host, postgres, house=house).run()
        finally:
            await postgres.close()
    finally:
        await host.close()


class _Rehearsal:
    def __init__(
        self,
        options: RehearseOptions,
        progress: Progress,
        tokens: Tokens,
        host: HostHttp,
        postgres: Postgres,
        *,
        house: OwnHouse | None,
    ) -> None:
        self._house = house
        self._options = options
        self._progress = progress
        self._tokens = tokens
        self._host = host
        self._postgres = postgres
        self._stagehand = Stagehand(host, postgres, units=options.units, with_channel=options.with_channel)
        self._watch = ChannelWatch(host, postgres, options.secret)

    async def run(self) -> RehearseReport:
        """Set the stage, run the show, clear up."""
        started_s = time.monotonic()
        self._progress("preparing", 0, 1)
        ws_url = self._options.ws_url or (await self._host.get("/v1/meta", _Meta)).ws_url
        await check_gateway(ws_url)
        caught = StopSignals() if self._house is None else contextlib.nullcontext(self._house.signals)
        with ChannelReceiver() as receiver, caught as signals:
            try:
                await signals.stopping(self._watch.wait(self._progress))
                await self._watch.begin()
                # Never cancelled by a signal: what it put there has to be known.
                stage = await self._stagehand.set_up(receiver)
                facts = await signals.stopping(self._show(stage, ws_url))
            except BaseException as error:
                if self._house is not None:
                    raise
                self._progress("clearing up", 0, 1)
                done = await self._stagehand.clear_up()
                if signals.heard is not None:
                    raise RehearsalStoppedError(
                        f"stopped by {signals.heard.name}; {done}", number=signals.heard
                    ) from None
                error.add_note(done)
                raise
            await self._stagehand.clear_up()
        return make_report(facts, show_id=stage.show_id, sku=stage.goods.sku, duration_s=time.monotonic() - started_s)

    async def _show(self, stage: Stage, ws_url: str) -> Facts:
        plans = make_plans(self._options.viewers, self._options.seed, self._options.payments)
        bank = None if self._house is None else self._house.bank
        at_bank = None if bank is None else AtTheBank(bank, self._host)
        crowd = Crowd(ws_url, stage.show_id, plans, self._tokens, at_bank=at_bank)
        redis = connect_redis(self._options.redis_url, max_connections=2)
        performance = Performance(
            show_id=stage.show_id,
            goods=stage.goods,
            host=self._host,
            crowd=crowd,
            channel=stage.channel,
            watch=self._watch,
            postgres=self._postgres,
            redis=redis,
            progress=self._progress,
            bank=bank,
        )
        try:
            await crowd.connect(lambda done: self._progress("connecting viewers", done, len(plans)))
            async with self._watch.following(stage.goods.sku):
                return await self._watched(crowd, performance.run())
        finally:
            await crowd.close()
            await redis.aclose()

    async def _watched(self, crowd: Crowd, work: Coroutine[None, None, T]) -> T:
        """Do the work, but not longer than the server lives."""
        task = asyncio.create_task(work)
        watch = asyncio.create_task(self._until_gone(crowd))
        try:
            await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await watch
            return await task
        finally:
            for one in (task, watch):
                one.cancel()
            # Both may have failed; one of them is heard.
            await asyncio.gather(task, watch, return_exceptions=True)

    async def _until_gone(self, crowd: Crowd) -> None:
        heard_s = time.monotonic()
        while True:
            await asyncio.sleep(HEALTH_POLL_S)
            if crowd.live() > 0 and await self._host.is_alive():
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SERVER_GONE_S:
                raise ServerGoneError(
                    f"the server is gone: no answer for {SERVER_GONE_S:.0f} s, "
                    f"{crowd.live()} of {len(crowd.viewers)} viewers connected"
                )
