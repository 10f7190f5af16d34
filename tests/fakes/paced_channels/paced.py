"""A fake channel that counts calls, and answers 429 to those beyond the limit that the real one documents."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.all_channels.stand import Stand
from tests.fakes.all_channels.stands import (
    DouyinStand,
    KakaoStand,
    LineMyshopStand,
    MetaStand,
    PinterestStand,
    ShopifyStand,
    TikTokStand,
    WechatStand,
)
from tests.fakes.channels.troubles import Pace

LIMITS: Final[dict[str, tuple[str, int, float]]] = {
    "meta": ("/items_batch", 8, 60.0),  # batches of a catalogue that nobody has looked at
    "tiktok": ("/inventory/update", 50, 1.0),  # of one app at one shop
    "pinterest": ("/", 100, 1.0),  # all calls of an app and user
    "line_myshop": ("/", 1_000, 60.0),
    "wechat": ("/channels/", 600, 60.0),
    "kakao": ("/", 240, 60.0),
    "douyin": ("POST /sku/syncStock", 300, 60.0),
}
"""Calls with this in method and path, and in how many seconds so many of them. WeChat, Kakao and Douyin publish none:
theirs is what we hold ourselves to. Shopify counts points, and does so itself."""


class Paced:
    """An ASGI application around a stand.

    Attributes:
        stand: the fake and its items.
        calls: how many came, by ``METHOD /path`` without numbers.
        over_pace: how many of them were too fast.
    """

    def __init__(self, stand: Stand, speed: float) -> None:
        self.stand = stand
        self.calls: dict[str, int] = {}
        self.over_pace = 0
        self._app: ASGIApp = stand.app
        self._counts, calls, window_s = LIMITS.get(stand.kind, ("no call", 1, 1.0))
        self._pace = Pace(calls, window_s, compressed=speed)
        if isinstance(stand, ShopifyStand):
            stand.fake.restore_rate *= speed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = f"{scope['method']} {scope['path']}"
        shape = "/".join("…" if part.isdigit() else part for part in called.split("/"))
        self.calls[shape] = self.calls.get(shape, 0) + 1
        if self._counts in called and not self._pace.allows():
            self.over_pace += 1
            await send({"type": "http.response.start", "status": 429, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


def opened(skus: int, variants: int, units: int, speed: float) -> list[Paced]:
    """Eight channels with an item for every SKU.

    Args:
        skus: how many.
        variants: SKUs of one product.
        units: what every item shows.
        speed: how much faster than real the channels' clocks run.
    """
    stands: list[Stand] = [
        MetaStand(),
        TikTokStand(),
        PinterestStand(),
        WechatStand(),
        DouyinStand(),
        LineMyshopStand(),
        KakaoStand(),
        ShopifyStand(),
    ]
    for stand in stands:
        for number in range(skus):
            sku = f"BENCH-{number:05}"
            stand.put(stand.item_id(f"prod_{number // variants}", sku), sku, units)
    return [Paced(stand, speed) for stand in stands]
