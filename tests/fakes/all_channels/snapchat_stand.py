"""Snapchat as a ``Stand``: what its buyers see is what stood in the product feed when it was fetched last."""

from typing import Final

from tests.fakes.all_channels.stand import Stand
from tests.fakes.channels import snapchat

FETCH_EVERY_S: Final = 2.0
"""Snapchat fetches once an hour at most."""


class SnapchatStand(Stand):
    kind, name, by_sku = "snapchat", "Snapchat (fake)", True

    def __init__(self) -> None:
        self.fake = snapchat.FakeSnapchat()
        super().__init__(self.fake.app, self.fake.troubles)

    def settings(self, api_url: str) -> dict[str, str]:
        return {
            "catalog_id": snapchat.CATALOG_ID,
            "client_id": snapchat.CLIENT_ID,
            "client_secret": snapchat.CLIENT_SECRET,
            "refresh_token": snapchat.REFRESH_TOKEN,
            "api_url": api_url,
            "default_currency": "EUR",
            "link_template": "https://shop.example/p/{sku}",
        }

    def shows(self) -> dict[str, int]:
        return {item_id: int(said == "in stock") for item_id, said in self.fake.shown.items()}

    def fetched(self, feed: bytes) -> None:
        """Take a file whole, in place of the one before."""
        self.fake.fetched(feed)
        self.skus = {item_id: item_id for item_id in self.fake.shown}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        """Nobody puts an item there but the feed; until it is read the item is as somebody put it by hand."""
        del sku
        self.fake.shown[item_id] = "in stock" if units else "out of stock"
