"""A KakaoTalk Store on a server, and the channel that was opened to it."""

import contextlib
import copy
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig
from inventory.channels.kakao.channel_http import KakaoChannel, KakaoKind
from tests.fakes.channels.kakao import FakeKakao
from tests.fakes.channels.kakao_orders import ORDERS
from tests.fakes.channels.troubles import Troubles
from tests.serving import serving

TEMPLATE: Final = {
    "categoryId": "100100102106",
    "taxType": "TAX",
    "productImage": {"imageRatio": "SQUARE", "representImage": {"url": "https://st.kakaocdn.net/1.jpg"}},
    "delivery": {"deliveryMethodType": "DELIVERY", "baseFee": 2500},
    "option": {"combinationAttributes": [{"name": "색상"}]},
}

MUG: Final[dict[str, Any]] = {
    "productId": 11,
    "productSaleStatus": "ON",
    "name": "머그컵",
    "salePrice": 12000,
    "storeManagementCode": "MUG",
    "stock": {"stockQuantity": 40, "unlimitedStockQuantity": False},
    "option": {"type": "NONE"},
}
SHIRT: Final[dict[str, Any]] = {
    "productId": 22,
    "productSaleStatus": "ON",
    "name": "셔츠",
    "salePrice": 30000,
    "storeManagementCode": "shirt",
    "categoryId": "1",
    "productDetailDescription": "old",
    "productImage": {"representImage": {"url": "https://st.kakaocdn.net/old.jpg"}},
    "delivery": {"baseFee": 3000, "asGuideWords": "문의"},
    "next year's field": {"deep": [1, None, "값"]},
    "option": {
        "type": "COMBINATION",
        "combinationSortType": None,
        "combinations": [
            {"id": 1, "managedCode": "S-RED", "name": [{"key": "색", "value": "빨강"}], "price": 0, "stockQuantity": 5},
            {
                "id": 2,
                "managedCode": "S-NAVY",
                "name": [{"key": "색", "value": "남색"}],
                "price": 0,
                "stockQuantity": 6,
            },
        ],
        "combinationAttributes": [{"name": "색", "value": "빨강"}, {"name": "색", "value": "남색"}],
    },
}


class KakaoStore:
    """The fake, what goes wrong around it, and the channel."""

    def __init__(self, paths: Mapping[str, str] | None) -> None:
        self.fake = FakeKakao()
        self.fake.products = {11: copy.deepcopy(MUG), 22: copy.deepcopy(SHIRT)}
        self.troubles = Troubles(self.fake.app)
        given = {
            "orders_path": ORDERS,
            "order_path": ORDERS + "/{order_id}",
            "cancel_path": ORDERS + "/{order_id}/cancel",
        }
        self.config = ChannelConfig(
            channel_id="chan_1",
            kind="kakao",
            name="Kakao",
            settings={"channel_ids": "101", "product_template": json.dumps(TEMPLATE)}
            | dict(given if paths is None else paths),
            secrets={"admin_key": self.fake.admin_key, "seller_key": self.fake.seller_key},
        )
        self.channel: KakaoChannel
        self.url = ""

    async def never(self, secrets: Mapping[str, str]) -> None:
        """Keys are never saved."""
        raise AssertionError(sorted(secrets))

    def calls(self, what: str) -> int:
        """How many calls there were whose ``METHOD /path`` starts so."""
        return sum(count for name, count in self.troubles.calls.items() if name.startswith(what))


@contextlib.asynccontextmanager
async def kakao_store(paths: Mapping[str, str] | None = None) -> AsyncIterator[KakaoStore]:
    """A store on its server, and a channel to it; ``paths`` instead of those that the fake has."""
    one = KakaoStore(paths)
    async with serving(Starlette(routes=[Mount("/", one.troubles)])) as url:
        one.url = url
        kind = KakaoKind(base_url=url, clock_ms=one.fake.orders.now_ms)
        one.channel = kind.open(one.config, one.never)
        yield one
        await one.channel.close()
