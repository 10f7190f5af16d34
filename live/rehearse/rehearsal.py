"""A rehearsal from beginning to end, against a running server."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import TypeVar

import msgspec

from inventory.catalogue_pg import ProductPage
from kit.errors import ShowdropError
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live.rehearse.crowd import Crowd
from live.rehearse.facts import Facts
from live.rehearse.host_http import HostHttp, ServerGoneError
from live.rehearse.limits import CLEAR_UP_TIMEOUT_S, HEALTH_POLL_S, SERVER_GONE_S
from live.rehearse.performance import Goods, OwnChannel, Performance
from live.rehearse.plan import make_plans
from live.rehearse.progress import Progress
from live.rehearse.receiver_http import ChannelReceiver
from live.rehearse.report import RehearseReport, make_report
from live.tokens import Tokens
from live.views import ShowView

T = TypeVar("T")
CHANNEL_NAME = "rehearsal"


class NoCatalogueError(ShowdropError):
    """There is nothing to sell."""

    default_code = "no_catalogue"


class RehearseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to rehearse, and where.

    Attributes:
        http_url: base address of the API.
        ws_url: base address of the gateway.
        secret: the deployment's; tokens are minted with it.
        database_url: read for the verification, never written.
        redis_url: likewise.
        units: of the offer.
        seed: the same one gives the same audience.
        with_channel: whether a webhook channel of the rehearsal's own is set up for its time.
    """

    http_url: str
    ws_url: str
    secret: str
    database_url: str
    redis_url: str
    viewers: int = 300
    units: int = 100
    seed: int = 1
    with_channel: bool = True


class _NewChannel(msgspec.Struct):
    channel_id: str
    secret: str


class _Channel(msgspec.Struct):
    channel_id: str
    kind: str
    name: str


class _Channels(msgspec.Struct):
    items: list[_Channel]


async def rehearse(options: RehearseOptions, progress: Progress) -> RehearseReport:
    """Run a show against a running server and verify it.

    What it sold comes from units that it put there itself, and what is left of them is taken away again; its channel
    is removed at the end.

    Raises:
        NoCatalogueError: there is no variant to sell.
        HostRefusedError: the API refused a call; the message is its own.
        UnavailableError: the server or one of its databases stopped answering.
        ClientClosedError: the gateway refused a viewer for good.
    """
    tokens = Tokens(options.secret)
    host = HostHttp(options.http_url, tokens.mint("host", "rehearsal", ttl_s=3600)[0])
    try:
        postgres = await Postgres.connect(options.database_url, max_size=2, application_name="showdrop rehearse")
        try:
            return await _Rehearsal(options, progress, tokens, host, postgres).run()
        finally:
            await postgres.close()
    finally:
        await host.close()


class _Rehearsal:
    def __init__(
        self, options: RehearseOptions, progress: Progress, tokens: Tokens, host: HostHttp, postgres: Postgres
    ) -> None:
        self._options = options
        self._progress = progress
        self._tokens = tokens
        self._host = host
        self._postgres = postgres

    async def run(self) -> RehearseReport:
        """Set the stage, run the show, clear up."""
        started_s = time.monotonic()
        self._progress("preparing", 0, 1)
        goods = await self._goods()
        await self._adjust(goods.sku, goods.units, "rehearsal: units to sell")
        left, channel = goods.units, None
        with ChannelReceiver() as receiver:
            try:
                channel = await self._channel(receiver)
                facts, show_id = await self._show(goods, channel)
                left -= facts.pool.sold
            finally:
                # The server may be the reason why we are here.
                with contextlib.suppress(ShowdropError, TimeoutError):
                    async with asyncio.timeout(CLEAR_UP_TIMEOUT_S):
                        await self._clear_up(goods.sku, left, channel)
        return make_report(facts, show_id=show_id, sku=goods.sku, duration_s=time.monotonic() - started_s)

    async def _clear_up(self, sku: str, left: int, channel: OwnChannel | None) -> None:
        if channel is not None and channel.channel_id is not None:
            await self._host.delete(f"/v1/channels/{channel.channel_id}")
        if left > 0:
            await self._adjust(sku, -left, "rehearsal: units not sold")

    async def _goods(self) -> Goods:
        after = ""
        while True:
            page = await self._host.get(f"/v1/products?limit=100{after}", ProductPage)
            for product in page.items:
                for variant in product.variants:
                    if variant.price.amount > 0:
                        return Goods(product.product_id, variant.sku, variant.price, self._options.units)
            if page.next is None:
                raise NoCatalogueError("there is no variant with a price to sell; run: showdrop import FILE")
            after = f"&after={page.next}"

    async def _adjust(self, sku: str, delta: int, reason: str) -> None:
        body = {"sku": sku, "delta": delta, "reason": reason}
        await self._host.post("/v1/stock/adjust", body, dict[str, object])

    async def _channel(self, receiver: ChannelReceiver) -> OwnChannel:
        if not self._options.with_channel:
            return OwnChannel(receiver, None)
        for left in (await self._host.get("/v1/channels", _Channels)).items:
            # Of a rehearsal that could not clear up.
            if (left.kind, left.name) == ("webhook", CHANNEL_NAME):
                await self._host.delete(f"/v1/channels/{left.channel_id}")
        body = {"kind": "webhook", "name": CHANNEL_NAME, "url": receiver.url}
        created = await self._host.post("/v1/channels", body, _NewChannel)
        receiver.know_secret(created.secret)
        return OwnChannel(receiver, created.channel_id)

    async def _show(self, goods: Goods, channel: OwnChannel) -> tuple[Facts, str]:
        title = {"title": f"Rehearsal {time.strftime('%H:%M:%S')}", "currency": goods.price.currency}
        show_id = (await self._host.post("/v1/shows", title, ShowView)).show_id
        plans = make_plans(self._options.viewers, self._options.seed)
        crowd = Crowd(self._options.ws_url, show_id, plans, self._tokens)
        redis = connect_redis(self._options.redis_url, max_connections=2)
        performance = Performance(
            show_id=show_id,
            goods=goods,
            host=self._host,
            crowd=crowd,
            channel=channel,
            postgres=self._postgres,
            redis=redis,
            progress=self._progress,
        )
        ended = False
        try:
            await crowd.connect(lambda done: self._progress("connecting viewers", done, len(plans)))
            facts = await self._watched(crowd, performance.run())
            ended = True
        finally:
            await crowd.close()
            await redis.aclose()
            if not ended:
                with contextlib.suppress(ShowdropError, TimeoutError):
                    async with asyncio.timeout(CLEAR_UP_TIMEOUT_S):
                        await self._host.post_raw(f"/v1/shows/{show_id}/end", {})
        return facts, show_id

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
            await asyncio.wait((task, watch))

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
