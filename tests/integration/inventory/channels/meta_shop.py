"""A Meta channel that is set up for ``FakeMeta``, with and without its shop."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from inventory.channels.channel import ChannelConfig
from inventory.channels.meta.channel_http import MetaChannel, MetaKind
from tests.fakes.channels.meta import FakeMeta
from tests.fakes.channels.meta_orders import FakeMetaOrders

SHOP = {
    "commerce_account_id": FakeMetaOrders.account_id,
    "page_access_token": FakeMetaOrders.page_access_token,
}
"""The settings of a channel with orders."""

PRODUCTS = {"link_template": "https://shop.example/p/{product_key}?sku={sku}", "brand": "House"}
"""The settings of a channel where products are published."""


async def no_save(secrets: Mapping[str, str]) -> None:
    raise AssertionError(f"nothing to save, but {sorted(secrets)}")


@contextlib.asynccontextmanager
async def opened(url: str, **settings: str) -> AsyncIterator[MetaChannel]:
    """Set a channel up with settings beside the necessary ones, and open it."""
    kind = MetaKind(base_url=url)
    given = {name: getattr(FakeMeta, name) for name in ("catalog_id", "access_token", "app_secret")}
    prepared = await kind.prepare(given | settings)
    config = ChannelConfig(
        channel_id="ch_1", kind="meta", name="A shop", settings=prepared.settings, secrets=prepared.secrets
    )
    channel = kind.open(config, no_save)
    try:
        yield channel
    finally:
        await channel.close()
