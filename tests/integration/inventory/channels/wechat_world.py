"""A WeChat shop on loopback with troubles around it, and a channel to it."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig
from inventory.channels.selling import PushRequest
from inventory.channels.wechat.channel_http import WechatChannel, WechatKind
from tests.fakes.channels.troubles import Troubles
from tests.fakes.channels.wechat import APP_SECRET, APPID, FakeWechat
from tests.fakes.channels.wechat_orders import CALLBACK_TOKEN, ENCODING_AES_KEY, Hook
from tests.serving import serving

START_MS = 1_795_348_800_000
"""2026-11-22 12:00 UTC."""

TEMPLATE = (
    '{"cats_v2":[{"cat_id":"6091"}],"express_info":{"template_id":"47428464001"},'
    '"head_imgs":["https://mmecimage.cn/p/wx0/b","https://mmecimage.cn/p/wx0/c"]}'
)


class WechatWorld:
    """The shop and how it is reached.

    Attributes:
        now_ms: the clock of both sides.
    """

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.shop = FakeWechat(clock_ms=lambda: self.now_ms)
        self.troubles = Troubles(self.shop.app)
        self.kind = WechatKind()
        self.config = ChannelConfig(
            channel_id="chan_1",
            kind="wechat",
            name="our shop",
            settings={"appid": APPID, "product_template": TEMPLATE},
            secrets={
                "app_secret": APP_SECRET,
                "callback_token": CALLBACK_TOKEN,
                "encoding_aes_key": ENCODING_AES_KEY,
            },
        )

    def open(self) -> WechatChannel:
        async def save(_: Mapping[str, str]) -> None:
            raise AssertionError("nothing has to be saved")

        return self.kind.open(self.config, save)

    def heard(self, hook: Hook) -> tuple[str, ...]:
        """Which orders a call to our address names."""
        request = PushRequest(query=hook.query, headers={}, body=hook.body)
        [event] = self.kind.pushed(self.config, request).events
        assert not event.trouble
        return event.order_ids


@contextlib.asynccontextmanager
async def wechat_world() -> AsyncIterator[tuple[WechatWorld, WechatChannel]]:
    """Serve a shop; yields it and a channel to it."""
    world = WechatWorld()
    async with serving(Starlette(routes=[Mount("/", app=world.troubles)])) as url:
        world.kind = WechatKind(base_url=url, clock_ms=lambda: world.now_ms, read_pause_s=0)
        channel = world.open()
        yield world, channel
        await channel.close()
