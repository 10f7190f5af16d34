"""Keeps the fakes and a running server together: it connects each, and gives every SKU an item at each of them.

It knows no more than any merchant's program does: public HTTP and a host's token.
"""

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

import httpx
import msgspec

from tests.fakes.all_channels.snapchat_stand import FETCH_EVERY_S, SnapchatStand
from tests.fakes.all_channels.stand import Hook, Stand

LOOK_EVERY_S: Final = 1.0
"""Between two looks for SKUs that are new."""

HURRY_ROUNDS: Final = 30
"""So many rounds long a channel that got new items is told at once whatever waits: it may have been told of them before
they were there, or be told so only now by a channel that answers later, and would be left alone for 15 minutes."""

PAGE: Final = 200

_T = TypeVar("_T")


class _Channel(msgspec.Struct):
    channel_id: str
    kind: str
    name: str
    state: str
    behind: int
    unlinked: int


class _Channels(msgspec.Struct):
    items: list[_Channel]


class _Level(msgspec.Struct):
    sku: str
    told: int | None
    item_id: str | None
    linked: bool


class _Levels(msgspec.Struct):
    items: list[_Level]
    next: str | None


class _Variant(msgspec.Struct):
    sku: str


class _Product(msgspec.Struct):
    product_id: str
    variants: list[_Variant]


class _Products(msgspec.Struct):
    items: list[_Product]
    next: str | None


class _FeedPath(msgspec.Struct):
    path: str


class Companion:
    """Give ``run`` to a task.

    Args:
        api: a client of the server, with its address and a host's token.
        caller: one that nobody knows; it makes the channels' own calls.

    Attributes:
        trouble: why the last round failed; blank if it did not.
        unconnected: why a fake could not be connected, by its name.
        channels: the fakes' channels by name, as the last round found them.
    """

    def __init__(self, api: httpx.AsyncClient, caller: httpx.AsyncClient, stands: Sequence[Stand]) -> None:
        self._api = api
        self._api_url = str(api.base_url).rstrip("/")
        self._caller = caller
        self._stands = stands
        self._products: dict[str, str] = {}
        self._unlinked: dict[str, int] | None = None  # by channel; None before the first round
        self._hurry: dict[str, int] = {}  # rounds by channel
        self.trouble = "not begun"
        self.unconnected: dict[str, str] = {}
        self.channels: dict[str, _Channel] = {}

    async def run(self) -> None:
        """Go on for ever: the server may start later, and restart."""
        feeds = asyncio.create_task(self._read_feeds())
        try:
            while True:
                try:
                    await self.round()
                    self.trouble = ""
                except (httpx.HTTPError, msgspec.DecodeError) as error:
                    self.trouble = str(error) or type(error).__name__
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            feeds.cancel()

    async def round(self) -> None:
        """See to it that every SKU has an item everywhere; the first time, also that every channel is there and on."""
        is_first = self._unlinked is None
        await self._find_channels()
        if is_first:
            await self._read_products()
            await self._connect()
        for one in self.channels.values():
            await self._hurry_up(one)
        unlinked = {one.channel_id: one.unlinked for one in self.channels.values()}
        # A new SKU is seen where items have names of their own; where they are called as the SKUs are, it is not.
        if unlinked == self._unlinked:
            return
        await self._read_products()
        for stand in self._stands:
            if stand.name in self.channels:
                await self._fill(stand, self.channels[stand.name].channel_id)
        await self._find_channels()
        self._unlinked = {one.channel_id: one.unlinked for one in self.channels.values()}

    async def push(self, stand: Stand, hook: Hook) -> int | None:
        """Make a channel's call to its address, once; return the HTTP status, None when nobody answers."""
        channel = self.channels.get(stand.name)
        if channel is None:
            return None
        path = f"/v1/webhooks/channels/{channel.channel_id}"
        try:
            # Without the token: whoever knows it is no channel.
            answer = await self._caller.post(
                f"{self._api_url}{path}", params=hook.query, headers=hook.headers, content=hook.body
            )
        except httpx.TransportError:
            return None
        return answer.status_code

    async def _find_channels(self) -> None:
        found = {(one.kind, one.name): one for one in (await self._get("/v1/channels", _Channels)).items}
        self.channels = {one.name: found[one.kind, one.name] for one in self._stands if (one.kind, one.name) in found}

    async def _connect(self) -> None:
        for stand in self._stands:
            if stand.name not in self.channels:
                # Before it is told anything: a level of an item that is not there is refused for a quarter of an hour.
                self._put(stand, self._products)
                await self._create(stand)
                continue
            channel = self.channels[stand.name]
            if channel.state == "paused":
                await self._resume(channel.channel_id)
            if isinstance(stand, SnapchatStand):
                # It was told where the feed is when the channel was new, and has forgotten it since.
                path = (await self._get(f"/v1/channels/{channel.channel_id}/feed", _FeedPath)).path
                stand.fake.add_feed(f"{self._api_url}{path}")
        await self._find_channels()

    async def _create(self, stand: Stand) -> None:
        body = {"kind": stand.kind, "name": stand.name, "settings": stand.settings(self._api_url)}
        try:
            _check(await self._api.post("/v1/channels", json=body))
        except httpx.HTTPStatusError as error:
            self.unconnected[stand.name] = str(error)

    def _put(self, stand: Stand, skus: dict[str, str]) -> int:
        return sum(stand.put(stand.item_id(product_id, sku), sku, 0) for sku, product_id in skus.items())

    async def _fill(self, stand: Stand, channel_id: str) -> None:
        rows, new = [], 0
        async for level in self._levels(channel_id):
            product_id = self._products.get(level.sku)
            if product_id is None:
                continue
            item_id = level.item_id or stand.item_id(product_id, level.sku)
            # A fake that has been started again shows what its channel was told before.
            new += stand.put(item_id, level.sku, level.told or 0)
            if not level.linked:
                rows.append((level.sku, item_id))
        if rows:
            content = io.StringIO(newline="")
            csv.writer(content).writerows([("sku", "item_id"), *rows])
            headers = {"content-type": "text/csv"}
            path = f"/v1/channels/{channel_id}/links"
            _check(await self._api.post(path, content=content.getvalue().encode(), headers=headers))
        if new:
            self._hurry[channel_id] = HURRY_ROUNDS

    async def _hurry_up(self, channel: _Channel) -> None:
        rounds = self._hurry.pop(channel.channel_id, 0)
        if rounds and channel.behind and channel.state == "active":
            self._hurry[channel.channel_id] = rounds - 1
            await self._resume(channel.channel_id)

    async def _resume(self, channel_id: str) -> None:
        """Let everything be told at once that waits; it does so to a channel that is on, too."""
        _check(await self._api.post(f"/v1/channels/{channel_id}/resume"))

    async def _read_products(self) -> None:
        after: str | None = None
        products: dict[str, str] = {}
        while True:
            query = {"limit": str(PAGE)} | ({} if after is None else {"after": after})
            page = await self._get("/v1/products", _Products, query)
            products |= {variant.sku: one.product_id for one in page.items for variant in one.variants}
            after = page.next
            if after is None:
                self._products = products
                return

    async def _levels(self, channel_id: str) -> AsyncIterator[_Level]:
        after: str | None = None
        while True:
            query = {"limit": str(PAGE)} | ({} if after is None else {"after": after})
            page = await self._get(f"/v1/channels/{channel_id}/levels", _Levels, query)
            for one in page.items:
                yield one
            after = page.next
            if after is None:
                return

    async def _read_feeds(self) -> None:
        while True:
            for stand in self._stands:
                if not isinstance(stand, SnapchatStand) or stand.troubles.down:
                    continue
                for url in stand.fake.urls():
                    # A platform that cannot use a file keeps what it has, and comes again.
                    with contextlib.suppress(httpx.HTTPError, AssertionError):
                        stand.fetched(_check(await self._api.get(url)).content)
            await asyncio.sleep(FETCH_EVERY_S)

    async def _get(self, path: str, answer: type[_T], query: dict[str, str] | None = None) -> _T:
        return msgspec.json.decode(_check(await self._api.get(path, params=query)).content, type=answer)


def _check(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        where = f"{answer.request.method} {answer.request.url.path}"
        raise httpx.HTTPStatusError(
            f"{where}: {answer.status_code} {answer.text[:200]}", request=answer.request, response=answer
        )
    return answer
