"""A Douyin shop on loopback with troubles around it, and a channel to it."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig
from inventory.channels.douyin.channel_http import DouyinChannel, DouyinKind
from inventory.channels.selling import PushRequest
from tests.fakes.channels.douyin import FakeDouyin
from tests.fakes.channels.douyin_orders import Hook
from tests.fakes.channels.troubles import Troubles
from tests.serving import serving

TEMPLATE = '{"category_leaf_id":20219,"freight_id":0,"mobile":"400"}'


class DouyinWorld:
    """The shop and how it is reached; ``saved`` is how often new tokens were stored."""

    def __init__(self) -> None:
        self.shop = FakeDouyin()
        self.troubles = Troubles(self.shop.app)
        self.kind = DouyinKind()
        self.saved = 0
        self.config = ChannelConfig(
            channel_id="ch_1",
            kind="douyin",
            name="the shop",
            settings={
                "app_key": self.shop.app_key,
                "shop_id": str(self.shop.shop_id),
                "product_template": TEMPLATE,
            },
            secrets={
                "app_secret": self.shop.app_secret,
                "access_token": self.shop.access_token,
                "refresh_token": self.shop.refresh_token,
                "access_token_expires_at": str(self.shop.expires_at_s),
            },
        )

    def open(self) -> DouyinChannel:
        async def save(_: Mapping[str, str]) -> None:
            self.saved += 1

        return self.kind.open(self.config, save)

    def heard(self, hook: Hook) -> list[tuple[str, ...]]:
        """Which orders the messages of a push name."""
        request = PushRequest(query={}, headers=hook.headers, body=hook.body)
        events = self.kind.pushed(self.config, request).events
        assert not any(one.trouble for one in events)
        return [one.order_ids for one in events]


@contextlib.asynccontextmanager
async def douyin_world() -> AsyncIterator[tuple[DouyinWorld, DouyinChannel]]:
    """Serve a shop; yields it and a channel to it."""
    world = DouyinWorld()
    async with serving(Starlette(routes=[Mount("/", app=world.troubles)])) as url:
        world.kind = DouyinKind(base_url=url, read_pause_s=0)
        channel = world.open()
        yield world, channel
        await channel.close()
