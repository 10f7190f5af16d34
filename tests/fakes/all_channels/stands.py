"""The nine fake channels, each as a ``Stand``."""

import time
from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette

from tests.fakes.all_channels.snapchat_stand import SnapchatStand
from tests.fakes.all_channels.stand import FOREVER_S, Hook, Sale, Stand, number_of, two_numbers
from tests.fakes.channels import (
    kakao,
    kakao_orders,
    line_myshop,
    meta,
    pinterest,
    shopify,
    tiktok,
    wechat,
    wechat_orders,
    wechat_shop,
)
from tests.fakes.channels.douyin import FakeDouyin
from tests.fakes.channels.line_messages import FakeLineMessages
from tests.fakes.channels.shopify_operations import ShopItem


class MetaStand(Stand):
    kind, name, by_sku = "meta", "Meta (fake)", True

    def __init__(self) -> None:
        self.fake = meta.FakeMeta()
        super().__init__(self.fake.app, self.fake.troubles)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        fake = self.fake
        return {
            "catalog_id": fake.catalog_id,
            "access_token": fake.access_token,
            "app_secret": fake.app_secret,
            "commerce_account_id": fake.orders.account_id,
            "page_access_token": fake.orders.page_access_token,
        }

    def shows(self) -> dict[str, int]:
        return {item_id: product.quantity or 0 for item_id, product in self.fake.products.items()}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        said = "in stock" if units else "out of stock"
        self.fake.products[item_id] = meta.Product(title=sku, availability=said, quantity=units)

    def sell(self, item_id: str, units: int) -> Sale:
        return Sale(order_id=self.fake.orders.place_order({item_id: units}))


class PinterestStand(Stand):
    kind, name, by_sku = "pinterest", "Pinterest (fake)", True

    def __init__(self) -> None:
        self.fake = pinterest.FakePinterest()
        # Otherwise it would know nobody after the next start, and take "in stock, sold out, in stock" for a repeat.
        self.fake.rotates = False
        self.fake.skips_duplicates = False
        super().__init__(self.fake.app)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        return {
            "catalog_id": pinterest.CATALOG_ID,
            "country": "US",
            "language": "en-US",
            "client_id": pinterest.CLIENT_ID,
            "client_secret": pinterest.CLIENT_SECRET,
            "refresh_token": pinterest.FIRST_REFRESH,
        }

    def shows(self) -> dict[str, int]:
        return {item_id: int(said == "in stock") for item_id, said in self.fake.items.items()}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        self.fake.items[item_id] = "in stock" if units else "out of stock"


class TikTokStand(Stand):
    kind, name = "tiktok", "TikTok Shop (fake)"

    def __init__(self) -> None:
        self.fake = tiktok.FakeTikTok()
        self.fake.lives_s, self.fake.expires_at_s = FOREVER_S, int(time.time()) + FOREVER_S
        super().__init__(self.fake.app)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        fake = self.fake
        return {
            "app_key": fake.app_key,
            "shop_cipher": fake.shop_cipher,
            "warehouse_ids": ",".join(fake.warehouses),
            "app_secret": fake.app_secret,
            "access_token": fake.access_token,
            "refresh_token": fake.refresh_token,
            "access_token_expires_at": str(fake.expires_at_s),
        }

    def shows(self) -> dict[str, int]:
        return {
            f"{product_id}/{sku_id}": sum(here.values())
            for product_id, skus in self.fake.products.items()
            for sku_id, here in skus.items()
        }

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        product_id, _, sku_id = item_id.partition("/")
        first, *others = self.fake.warehouses
        self.fake.products.setdefault(product_id, {})[sku_id] = {first: units} | dict.fromkeys(others, 0)

    def sell(self, item_id: str, units: int) -> Sale:
        push = self.fake.place_order({item_id: units})
        return Sale(order_id=push.order_id, hook=Hook(headers=push.headers, body=push.body))


class DouyinStand(Stand):
    kind, name = "douyin", "Douyin (fake)"

    def __init__(self) -> None:
        self.fake = FakeDouyin()
        self.fake.lives_s, self.fake.expires_at_s = FOREVER_S, int(time.time()) + FOREVER_S
        super().__init__(self.fake.app)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        fake = self.fake
        return {
            "app_key": fake.app_key,
            "shop_id": str(fake.shop_id),
            "app_secret": fake.app_secret,
            "access_token": fake.access_token,
            "refresh_token": fake.refresh_token,
            "access_token_expires_at": str(fake.expires_at_s),
        }

    def shows(self) -> dict[str, int]:
        return {f"{product_id}/{sku_id}": units for (product_id, sku_id), units in self.fake.stock.items()}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        self.fake.stock[two_numbers(item_id)] = units

    def sell(self, item_id: str, units: int) -> Sale:
        order_id, hook = self.fake.place_order({two_numbers(item_id): units})
        return Sale(order_id=order_id, hook=Hook(headers=hook.headers, body=hook.body))


class WechatStand(Stand):
    kind, name = "wechat", "WeChat shop (fake)"

    def __init__(self) -> None:
        self.fake = wechat.FakeWechat()
        super().__init__(self.fake.app)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        return {
            "appid": wechat_shop.APPID,
            "app_secret": wechat_shop.APP_SECRET,
            "callback_token": wechat_orders.CALLBACK_TOKEN,
            "encoding_aes_key": wechat_orders.ENCODING_AES_KEY,
        }

    def shows(self) -> dict[str, int]:
        return {item_id: shelf.quantity for item_id, shelf in self.fake.shelves.items()}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        self.fake.shelves[item_id] = wechat.Shelf(units)

    def sell(self, item_id: str, units: int) -> Sale:
        order_id, hook = self.fake.place_order({item_id: units})
        return Sale(order_id=order_id, hook=Hook(query=hook.query, body=hook.body))


class LineMyshopStand(Stand):
    kind, name = "line_myshop", "LINE MyShop (fake)"

    def __init__(self) -> None:
        self.fake = line_myshop.FakeLineMyshop()
        self.messages = FakeLineMessages()
        super().__init__(Starlette(routes=[*self.fake.app.routes, *self.messages.app.routes]))

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        return {"api_key": self.fake.api_key, "messaging_token": self.messages.token}

    def shows(self) -> dict[str, int]:
        stock = self.fake.stock
        return {f"{one}/{item}": stock[item].available for one, items in self.fake.products.items() for item in items}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        product_id, inventory_id = two_numbers(item_id)
        self.fake.products.setdefault(product_id, []).append(inventory_id)
        self.fake.stock[inventory_id] = line_myshop.Stock(on_hand=units)

    def sell(self, item_id: str, units: int) -> Sale:
        return Sale(order_id=self.fake.place_order({two_numbers(item_id)[1]: units}))


class KakaoStand(Stand):
    kind, name = "kakao", "KakaoTalk Store (fake)"

    def __init__(self) -> None:
        self.fake = kakao.FakeKakao()
        super().__init__(self.fake.app)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        fake = self.fake
        return {
            "admin_key": fake.admin_key,
            "seller_key": fake.seller_key,
            "channel_ids": fake.channel_ids,
            "orders_path": kakao_orders.ORDERS,
            "order_path": kakao_orders.ORDERS + "/{order_id}",
            "cancel_path": kakao_orders.ORDERS + "/{order_id}/cancel",
        }

    def shows(self) -> dict[str, int]:
        return {
            f"{product_id}/{one['id']}": one["stockQuantity"]
            for product_id, product in self.fake.products.items()
            for one in product["option"]["combinations"]
        }

    def _add(self, item_id: str, sku: str, units: int) -> None:
        product_id, combination_id = two_numbers(item_id)
        product = self.fake.products.setdefault(
            product_id,
            {
                "productId": product_id,
                "productSaleStatus": "ON",
                "name": sku,
                # Orders say what was bought in the seller's own codes, of the product and of the combination.
                "storeManagementCode": f"P{product_id}",
                "stock": {"stockQuantity": None, "unlimitedStockQuantity": False},
                "option": {"type": "COMBINATION", "combinationSortType": None, "combinations": []},
            },
        )
        one = {"id": combination_id, "stockQuantity": units, "price": 0, "usable": True, "managedCode": sku}
        product["option"]["combinations"].append(one)

    def sell(self, item_id: str, units: int) -> Sale:
        return Sale(order_id=self.fake.place_order(*two_numbers(item_id), units))


class ShopifyStand(Stand):
    kind, name = "shopify", "Shopify (fake)"

    def __init__(self) -> None:
        self.fake = shopify.FakeShopify()
        super().__init__(self.fake.app, self.fake.troubles)

    def settings(self, api_url: str) -> dict[str, str]:
        del api_url
        fake = self.fake
        return {
            "shop": fake.shop,
            "location_id": fake.location_id,
            "client_id": fake.client_id,
            "client_secret": fake.client_secret,
        }

    def item_id(self, product_id: str, sku: str) -> str:
        del product_id
        return str(number_of(sku))

    def shows(self) -> dict[str, int]:
        return {item_id: item.available for item_id, item in self.fake.items.items()}

    def _add(self, item_id: str, sku: str, units: int) -> None:
        del sku
        self.fake.items[item_id] = ShopItem(available=units)

    def sell(self, item_id: str, units: int) -> Sale:
        push = self.fake.place_order({item_id: units})
        return Sale(order_id=push.order_id, hook=Hook(headers=push.headers, body=push.body))


ALL: Final[tuple[Callable[[], Stand], ...]] = (
    MetaStand,
    TikTokStand,
    PinterestStand,
    SnapchatStand,
    WechatStand,
    DouyinStand,
    LineMyshopStand,
    KakaoStand,
    ShopifyStand,
)
