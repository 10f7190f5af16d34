"""Fake channels behind one face, each with twenty items: what a test of the engine does to any of them."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import pytest

from inventory.channels.channel import Capabilities, ChannelKind
from inventory.channels.meta.channel_http import MetaChannel, MetaKind
from inventory.channels.pinterest.channel_http import PinterestChannel, PinterestKind
from inventory.channels.tiktok.channel_http import TikTokChannel, TikTokKind
from inventory.channels.wechat.channel_http import WechatChannel, WechatKind
from tests.fakes.channels import pinterest, wechat
from tests.fakes.channels.meta import FakeMeta, Product
from tests.fakes.channels.pinterest import FakePinterest
from tests.fakes.channels.tiktok import FakeTikTok
from tests.fakes.channels.wechat import FakeWechat, Shelf
from tests.integration.inventory.channels.mishaps import Mishaps
from tests.integration.inventory.channels.shelf import SKUS

KINDS: Final[dict[str, Callable[[str], ChannelKind]]] = {
    "tiktok": lambda url: TikTokKind(base_url=url, auth_url=url),
    "wechat": lambda url: WechatKind(base_url=url),
    "meta": lambda url: MetaKind(base_url=url),
    "pinterest": lambda url: PinterestKind(base_url=f"{url}/v5"),
}
"""Kinds for a fake's address, by name: absolute, by difference, and two that answer later; one knows no quantities."""


class Shop(Protocol):
    """A fake channel.

    Attributes:
        mishaps: its application, and what goes wrong with it.
        items: by SKU, what it calls the item; empty where it goes by SKU.
        settings: for a channel to it.
        write: a part of the path of the calls that change a level.
        availability: whether it only knows "in stock" and "sold out".
    """

    mishaps: Mishaps
    items: dict[str, str]
    settings: dict[str, str]
    write: str
    availability: bool

    def shown(self) -> dict[str, int]:
        """What a shopper sees, by item; 1 or 0 where only availability is known."""
        ...

    def end_access(self) -> None:
        """Access tokens end now."""
        ...

    def refuse(self, item_id: str) -> None:
        """Take no level of this item any more; any other is taken."""
        ...

    def accept(self, item_id: str) -> None:
        """Take them again."""
        ...


class TikTokShop:
    """Four products with five SKUs each; a call is for one product."""

    write = "/inventory/update"
    availability = False

    def __init__(self) -> None:
        self.fake = FakeTikTok()
        self.items = {sku: f"{1001 + at // 5}/{2001 + at}" for at, sku in enumerate(SKUS)}
        for at in range(4):
            self.fake.add(str(1001 + at), *[str(2001 + 5 * at + number) for number in range(5)])
        self.mishaps = Mishaps(self.fake.app)
        self.settings = {
            "app_key": self.fake.app_key,
            "shop_cipher": self.fake.shop_cipher,
            "warehouse_ids": ",".join(self.fake.warehouses),
            "app_secret": self.fake.app_secret,
            "access_token": self.fake.access_token,
            "refresh_token": self.fake.refresh_token,
            "access_token_expires_at": str(self.fake.expires_at_s),
        }

    def shown(self) -> dict[str, int]:
        return {
            f"{product_id}/{sku_id}": sum(self.fake.stock(product_id, sku_id))
            for product_id, product in self.fake.products.items()
            for sku_id in product
        }

    def end_access(self) -> None:
        self.fake.end_access()

    def refuse(self, item_id: str) -> None:
        self.fake.refused[item_id.partition("/")[2]] = 12052055

    def accept(self, item_id: str) -> None:
        del self.fake.refused[item_id.partition("/")[2]]


class WechatShop:
    """Twenty SKUs, each read before it is changed by a difference."""

    write = "/stock/update"
    availability = False

    def __init__(self) -> None:
        self.fake = FakeWechat()
        self.settings = {"appid": wechat.APPID, "app_secret": wechat.APP_SECRET}
        self.items = {sku: f"{100 + at}/{200 + at}" for at, sku in enumerate(SKUS)}
        self.fake.shelves = {item_id: Shelf(3) for item_id in self.items.values()}
        self.mishaps = Mishaps(self.fake.app)

    def shown(self) -> dict[str, int]:
        return {item_id: shelf.quantity + shelf.apart for item_id, shelf in self.fake.shelves.items()}

    def end_access(self) -> None:
        self.fake.end_tokens()

    def refuse(self, item_id: str) -> None:
        self.fake.shelves[item_id].state = 10020217

    def accept(self, item_id: str) -> None:
        self.fake.shelves[item_id].state = 0


class MetaShop:
    """A catalogue that takes a batch and answers later."""

    write = "/items_batch"
    availability = False

    def __init__(self) -> None:
        self.fake = FakeMeta()
        self.items: dict[str, str] = {}
        self.settings: dict[str, str] = {
            name: getattr(FakeMeta, name) for name in ("catalog_id", "access_token", "app_secret")
        }
        self.fake.takes_the_rest = True
        self.fake.polls = 1
        self.fake.products = {sku: Product(title="A thing", quantity=3) for sku in SKUS}
        self.mishaps = Mishaps(self.fake.app)

    def shown(self) -> dict[str, int]:
        return {item_id: product.quantity or 0 for item_id, product in self.fake.products.items()}

    def end_access(self) -> None:
        raise AssertionError("a system user's token does not end")

    def refuse(self, item_id: str) -> None:
        self.fake.wrong[item_id] = "it is being reviewed"

    def accept(self, item_id: str) -> None:
        del self.fake.wrong[item_id]


class PinterestShop:
    """A catalogue that answers later and knows no quantities."""

    write = "POST /v5/catalogs/items/batch"
    availability = True

    def __init__(self) -> None:
        self.fake = FakePinterest()
        self.items: dict[str, str] = {}
        self.settings = {
            "catalog_id": pinterest.CATALOG_ID,
            "country": "US",
            "language": "en-US",
            "client_id": pinterest.CLIENT_ID,
            "client_secret": pinterest.CLIENT_SECRET,
            "refresh_token": pinterest.FIRST_REFRESH,
        }
        self.fake.polls = 1
        self.fake.items = dict.fromkeys(SKUS, "out of stock")
        self.mishaps = Mishaps(self.fake.app)

    def shown(self) -> dict[str, int]:
        return {item_id: int(word == "in stock") for item_id, word in self.fake.items.items()}

    def end_access(self) -> None:
        self.fake.end_access()

    def refuse(self, item_id: str) -> None:
        self.fake.refuses[item_id] = 4162

    def accept(self, item_id: str) -> None:
        del self.fake.refuses[item_id]


SHOPS: Final[dict[str, Callable[[], Shop]]] = {
    "tiktok": TikTokShop,
    "wechat": WechatShop,
    "meta": MetaShop,
    "pinterest": PinterestShop,
}


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the channels be called as often as they like, and be asked for what came of it almost at once."""
    monkeypatch.setattr("inventory.channels.loop.OUTCOME_FIRST_S", 0.05)
    for channel in (TikTokChannel, WechatChannel, MetaChannel, PinterestChannel):
        monkeypatch.setattr(channel, "capabilities", property(_hurried(channel)))


def _hurried(channel: Any) -> Callable[[object], Capabilities]:  # noqa: ANN401 - one of four classes
    declared = channel.capabilities

    def capabilities(self: object) -> Capabilities:
        can: Capabilities = declared.fget(self)
        return msgspec.structs.replace(can, calls_per_s=1000.0)

    return capabilities
