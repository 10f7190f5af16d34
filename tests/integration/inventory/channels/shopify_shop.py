"""A shop at Shopify of the tests, and the channel to it."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from inventory.channels.channel import ChannelConfig, SaveSecrets
from inventory.channels.shopify.channel_http import ShopifyChannel, ShopifyKind
from tests.fakes.channels.shopify import FakeShopify


async def no_save(secrets: Mapping[str, str]) -> None:
    raise AssertionError(f"nothing to save, but {sorted(secrets)}")


async def configured(shop: FakeShopify, **settings: str) -> ChannelConfig:
    """A channel that was set up with these settings beside the shop and its location."""
    where = {"shop": shop.shop, "location_id": shop.location_id}
    prepared = await ShopifyKind().prepare(where | settings)
    return ChannelConfig(
        channel_id="ch_1", kind="shopify", name="A shop", settings=prepared.settings, secrets=prepared.secrets
    )


@contextlib.asynccontextmanager
async def opened(
    url: str,
    shop: FakeShopify,
    token: str | None = None,
    *,
    config: ChannelConfig | None = None,
    save: SaveSecrets = no_save,
    **settings: str,
) -> AsyncIterator[ShopifyChannel]:
    """A channel to a shop at this address; with a token that does not end unless it is configured otherwise."""
    config = config or await configured(shop, access_token=token or shop.token, **settings)
    channel = ShopifyKind(base_url=url + "/{shop}").open(config, save)
    try:
        yield channel
    finally:
        await channel.close()
