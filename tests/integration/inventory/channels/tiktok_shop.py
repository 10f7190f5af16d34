"""A TikTok Shop of the tests, and the channel to it."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import Answer, ChannelConfig, Level
from inventory.channels.tiktok.channel_http import TikTokChannel, TikTokKind
from tests.fakes.channels.tiktok import FakeTikTok
from tests.fakes.channels.troubles import Troubles
from tests.serving import serving


class Shop:
    """A channel and the shop behind it; ``saved`` is what it stored."""

    def __init__(self, fake: FakeTikTok, troubles: Troubles, kind: TikTokKind) -> None:
        self.fake, self.troubles, self.kind = fake, troubles, kind
        self.saved: list[dict[str, str]] = []
        self.opened: list[TikTokChannel] = []
        self.channel = self.open()

    def open(
        self, *, access_ends_at_s: int | None = None, warehouses: str = "7001,7002", template: str | None = None
    ) -> TikTokChannel:
        self.config = ChannelConfig(
            channel_id="ch_1",
            kind="tiktok",
            name="the shop",
            settings={
                "app_key": self.fake.app_key,
                "shop_cipher": self.fake.shop_cipher,
                "warehouse_ids": warehouses,
                **({} if template is None else {"product_template": template}),
            },
            secrets={
                "app_secret": self.fake.app_secret,
                "access_token": self.fake.access_token,
                "refresh_token": self.fake.refresh_token,
                "access_token_expires_at": str(
                    self.fake.expires_at_s if access_ends_at_s is None else access_ends_at_s
                ),
            },
        )
        self.channel = self.kind.open(self.config, self.save)
        self.opened.append(self.channel)
        return self.channel

    async def save(self, secrets: Mapping[str, str]) -> None:
        assert secrets["access_token"] == self.fake.access_token
        self.saved.append(dict(secrets))

    async def tell(self, *levels: Level) -> list[Answer]:
        answers = await self.channel.tell(levels)
        assert len(answers) == len(levels)
        return answers

    def hides_secrets(self, text: str) -> bool:
        everything = [*self.config.secrets.values(), *(value for one in self.saved for value in one.values())]
        return not any(secret in text for secret in everything if secret != "0")


@contextlib.asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """A shop with two products and four SKUs."""
    fake = FakeTikTok()
    fake.add("1001", "11", "12", "13")
    fake.add("1002", "21")
    troubles = Troubles(fake.app)
    async with serving(Starlette(routes=[Mount("/", troubles)])) as url:
        shop = Shop(fake, troubles, TikTokKind(base_url=url, auth_url=url))
        yield shop
        for channel in shop.opened:
            await channel.close()
