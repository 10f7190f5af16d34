"""Access to a shop at Shopify that ends: asked for ahead of time, stored, and once for all who need it."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError
from tests.fakes.channels.shopify import FakeShopify
from tests.fakes.channels.shopify_operations import ShopItem
from tests.integration.inventory.channels.shopify_shop import configured, opened
from tests.serving import serving

ITEM = "30322695"


class Store:
    """What a channel saved."""

    def __init__(self) -> None:
        self.saved: list[dict[str, str]] = []

    async def save(self, secrets: Mapping[str, str]) -> None:
        self.saved.append(dict(secrets))


@pytest.fixture
def shop() -> FakeShopify:
    shop = FakeShopify()
    shop.items = {ITEM: ShopItem(available=5)}
    return shop


def app(shop: FakeShopify, **more: str) -> dict[str, str]:
    return {"client_id": shop.client_id, "client_secret": shop.client_secret, **more}


async def test_access_is_asked_for_with_the_apps_id_and_secret_and_stored(shop: FakeShopify) -> None:
    store = Store()
    config = await configured(shop, **app(shop))
    async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
        assert await channel.read([ITEM]) == [5]
        assert await channel.read([ITEM]) == [5]
    assert shop.renewals == 1
    (saved,) = store.saved
    assert saved["access_token"] == shop.token
    assert abs(int(saved["access_token_expires_at"]) - time.time() - shop.lives_s) < 60
    assert saved["client_secret"] == shop.client_secret


async def test_access_is_renewed_ahead_of_its_end_and_not_before(shop: FakeShopify) -> None:
    for left_s, renewals in ((300, 1), (3_000, 0)):
        shop.renewals, store = 0, Store()
        ends = str(int(time.time()) + left_s)
        config = await configured(shop, **app(shop, access_token=shop.token, access_token_expires_at=ends))
        async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
            assert await channel.read([ITEM]) == [5]
        assert shop.renewals == len(store.saved) == renewals


async def test_a_refresh_token_changes_each_time(shop: FakeShopify) -> None:
    shop.refresh_token = "the-first-refresh-token"
    store = Store()
    config = await configured(shop, **app(shop, refresh_token=shop.refresh_token))
    async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
        assert await channel.read([ITEM]) == [5]
        shop.end_access()
        assert await channel.read([ITEM]) == [5]
    assert [saved["refresh_token"] for saved in store.saved] == ["shprt_of_the_tests_1", "shprt_of_the_tests_2"]


async def test_access_that_ends_in_the_middle_is_renewed_once_for_all(shop: FakeShopify) -> None:
    store = Store()
    config = await configured(shop, **app(shop))
    async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
        assert await channel.read([ITEM]) == [5]
        shop.end_access()
        await asyncio.gather(
            channel.read([ITEM]),
            channel.orders(["1"]),
            channel.orders_changed(0, after=None),
            channel.items(after=None),
        )
    assert shop.renewals == 2
    assert [saved["access_token"] for saved in store.saved] == ["shpat_of_the_tests_1", "shpat_of_the_tests_2"]


async def test_access_that_is_given_no_more_needs_somebody_and_no_secret_is_named(shop: FakeShopify) -> None:
    shop.revoked = True
    store = Store()
    config = await configured(shop, **app(shop))
    async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
        with pytest.raises(ChannelGoneError, match="client_id and client_secret") as caught:
            await channel.read([ITEM])
        assert shop.client_secret not in f"{caught.value!r} {caught.value.details} {channel!r}"
    assert store.saved == []


async def test_an_outage_while_access_is_asked_for_passes(shop: FakeShopify) -> None:
    store = Store()
    config = await configured(shop, **app(shop))
    async with serving(shop.app) as url, opened(url, shop, config=config, save=store.save) as channel:
        shop.troubles.down = True
        with pytest.raises(ChannelDownError) as caught:
            await channel.read([ITEM])
        assert shop.client_secret not in str(caught.value)
        shop.troubles.down = False
        assert await channel.read([ITEM]) == [5]


async def test_a_channel_that_was_set_up_before_there_were_more_settings_still_opens(shop: FakeShopify) -> None:
    config = await configured(shop, access_token=shop.token)
    config.settings.pop("client_id")
    config.settings.pop("product_template")
    for name in ("client_secret", "refresh_token", "access_token_expires_at"):
        config.secrets.pop(name)
    async with serving(shop.app) as url, opened(url, shop, config=config) as channel:
        assert await channel.read([ITEM]) == [5]
        assert await channel.orders(["1"]) == [None]
