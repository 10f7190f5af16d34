"""Sets the stage for a rehearsal's show, and leaves the shop as it was: whatever happened in between."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import TypeVar

import msgspec

from inventory.catalogue_pg import ProductPage
from kit.errors import ShowdropError, UnavailableError
from kit.postgres import Postgres
from live.rehearse.host_http import HostHttp, HostRefusedError
from live.rehearse.leftovers import SHOW_TITLE_PREFIX, units_to_give_back
from live.rehearse.leftovers_pg import read_units, unfinished_shows
from live.rehearse.limits import CLEAR_UP_TIMEOUT_S, ORDERS_END_TIMEOUT_S, QUIET_POLL_S
from live.rehearse.performance import Goods, OwnChannel
from live.rehearse.receiver_http import ChannelReceiver
from live.rehearse.shop_channel import OWN_NAME, ShopChannels
from live.views import ShowView

T = TypeVar("T")


class NoCatalogueError(ShowdropError):
    """There is nothing to sell."""

    default_code = "no_catalogue"


class Stage(msgspec.Struct, frozen=True):
    """A show that is on, with nothing for sale yet."""

    show_id: str
    goods: Goods
    channel: OwnChannel


class _NewChannel(msgspec.Struct):
    channel_id: str
    secret: str


class Stagehand:
    """Remembers what it put there, so that it can take it away.

    Args:
        postgres: read only.
        units: to add to the stock.
        with_channel: whether the show gets a webhook channel of its own.
    """

    def __init__(self, host: HostHttp, postgres: Postgres, *, units: int, with_channel: bool) -> None:
        self._host = host
        self._postgres = postgres
        self._units = units
        self._with_channel = with_channel
        self._stocked: Goods | None = None
        self._channel_id: str | None = None
        self._show_id: str | None = None

    async def set_up(self, receiver: ChannelReceiver) -> Stage:
        """Add the units, connect the channel and start a show; raises as ``rehearse`` does."""
        goods = await self._goods()
        for show_id in await unfinished_shows(self._postgres):
            await self._end(show_id)
        # Before the call: one whose answer is lost may have been carried out.
        self._stocked = goods
        await self._adjust(goods.sku, goods.units, "rehearsal: units to sell")
        channel = await self._channel(receiver)
        body = {"title": f"{SHOW_TITLE_PREFIX}{time.strftime('%H:%M:%S')}", "currency": goods.price.currency}
        self._show_id = (await self._host.post("/v1/shows", body, ShowView)).show_id
        await self._host.post_raw(f"/v1/shows/{self._show_id}/start", {})
        return Stage(self._show_id, goods, channel)

    async def clear_up(self) -> str:
        """End the show, wait for its orders, take back the units that were not sold, and remove the channel.

        It takes at most ``ORDERS_END_TIMEOUT_S`` and some times ``CLEAR_UP_TIMEOUT_S``, and never raises for a server
        that does not answer or refuses.

        Returns:
            What it did, or what is left behind, in one line.
        """
        if self._stocked is None:
            return "nothing was changed"
        try:
            return await self._take_back(self._stocked)
        except (UnavailableError, TimeoutError):
            pass  # the server may be the reason why we are here
        show = "" if self._show_id is None else f"show {self._show_id} (the next rehearsal ends it) and "
        return f"left behind: {show}{self._stocked.units} units added to {self._stocked.sku}, less what was sold"

    async def _take_back(self, goods: Goods) -> str:
        if self._show_id is not None:
            await _soon(self._end(self._show_id))
        if self._channel_id is not None:
            with contextlib.suppress(HostRefusedError):
                await _soon(self._host.delete(f"/v1/channels/{self._channel_id}"))
        sku, loop = goods.sku, asyncio.get_running_loop()
        gives_up_at = loop.time() + (0 if self._show_id is None else ORDERS_END_TIMEOUT_S)
        while True:
            units = await _soon(read_units(self._postgres, sku=sku, show_id=self._show_id))
            if not units.outstanding or loop.time() > gives_up_at:
                break
            await asyncio.sleep(QUIET_POLL_S)
        back = units_to_give_back(goods.units, units)
        if back:
            try:
                await _soon(self._adjust(sku, -back, "rehearsal: units not sold"))
            except HostRefusedError as error:
                return f"the show has ended, but {back} units of {sku} could not be taken back: {error.message}"
        return f"the show has ended, {units.sold} of {goods.units} units were sold, {back} taken back" + (
            f", {units.outstanding} still held by open orders" if units.outstanding else ""
        )

    async def _end(self, show_id: str) -> None:
        # It may have ended already.
        with contextlib.suppress(HostRefusedError):
            await self._host.post_raw(f"/v1/shows/{show_id}/end", {})

    async def _goods(self) -> Goods:
        after = ""
        while True:
            page = await self._host.get(f"/v1/products?limit=100{after}", ProductPage)
            for product in page.items:
                for variant in product.variants:
                    if variant.price.amount > 0:
                        return Goods(product.product_id, variant.sku, variant.price, self._units)
            if page.next is None:
                raise NoCatalogueError("there is no variant with a price to sell; run: showdrop import FILE")
            after = f"&after={page.next}"

    async def _adjust(self, sku: str, delta: int, reason: str) -> None:
        body = {"sku": sku, "delta": delta, "reason": reason}
        await self._host.post("/v1/stock/adjust", body, dict[str, object])

    async def _channel(self, receiver: ChannelReceiver) -> OwnChannel:
        if not self._with_channel:
            return OwnChannel(receiver, None)
        for left in (await self._host.get("/v1/channels", ShopChannels)).items:
            if left.is_rehearsals:
                await self._host.delete(f"/v1/channels/{left.channel_id}")
        body = {"kind": "webhook", "name": OWN_NAME, "url": receiver.url}
        try:
            created = await self._host.post("/v1/channels", body, _NewChannel)
        except HostRefusedError as error:
            # Only `showdrop dev` calls private addresses, and ours may be one.
            error.add_note("rehearse without a channel: --no-channel")
            raise
        self._channel_id = created.channel_id
        receiver.know_secret(created.secret)
        return OwnChannel(receiver, created.channel_id)


async def _soon(step: Coroutine[None, None, T]) -> T:
    async with asyncio.timeout(CLEAR_UP_TIMEOUT_S):
        return await step
