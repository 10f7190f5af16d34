"""A LINE MyShop with its official account, each on a server, and the channel that was opened to both."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig
from inventory.channels.line_myshop.channel_http import LineMyshopChannel, LineMyshopKind
from tests.fakes.channels.line_messages import FakeLineMessages
from tests.fakes.channels.line_myshop import FakeLineMyshop, Stock
from tests.fakes.channels.troubles import Troubles
from tests.serving import serving

TEMPLATE = '{"categoryId": 7, "variants": [{"weight": 0.5}], "variantOptions": {"option1": {"name": "สี"}}}'


class LineShop:
    """Both fakes, what goes wrong around them, and the channel."""

    def __init__(self) -> None:
        self.fake = FakeLineMyshop()
        self.fake.products = {1: [10], 2: [20, 21]}
        self.fake.stock = {10: Stock(on_hand=7), 20: Stock(on_hand=5), 21: Stock(on_hand=9)}
        self.messages = FakeLineMessages()
        self.troubles = Troubles(self.fake.app)
        self.message_troubles = Troubles(self.messages.app)
        self.channel: LineMyshopChannel
        self.urls = ("", "")

    def config(self, **changes: str) -> ChannelConfig:
        settings = {"messaging_to": "", "product_template": TEMPLATE}
        secrets = {"api_key": self.fake.api_key, "messaging_token": self.messages.token}
        return ChannelConfig(
            channel_id="chan_1",
            kind="line_myshop",
            name="LINE",
            settings=settings | {name: text for name, text in changes.items() if name in settings},
            secrets=secrets | {name: text for name, text in changes.items() if name in secrets},
        )

    def open(self, config: ChannelConfig) -> LineMyshopChannel:
        """Open another channel to the same servers; the caller closes it."""
        base_url, messaging_url = self.urls
        return LineMyshopKind(base_url=base_url, messaging_url=messaging_url).open(config, _never)


@contextlib.asynccontextmanager
async def line_shop() -> AsyncIterator[LineShop]:
    """A shop on its servers, and a channel to it."""
    one = LineShop()
    shop, messages = (Starlette(routes=[Mount("/", troubles)]) for troubles in (one.troubles, one.message_troubles))
    async with serving(shop) as base_url, serving(messages) as messaging_url:
        one.urls = (base_url, messaging_url)
        one.channel = one.open(one.config())
        yield one
        await one.channel.close()


async def _never(secrets: Mapping[str, str]) -> None:
    raise AssertionError(sorted(secrets))
