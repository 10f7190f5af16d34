"""A merchant with stock, and a shop elsewhere that sells it too."""

import asyncio
from dataclasses import dataclass

import pytest

from inventory.channels.channels_pg import Channels
from inventory.channels.inbox import ChannelInbox
from inventory.channels.links_pg import Links
from inventory.channels.order_list_pg import ChannelOrderView, OrderList
from inventory.channels.orders_pg import ChannelOrders
from inventory.channels.selling import PushRequest
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import VAULT, stock_up
from tests.integration.inventory.channels.shop import Shop

MUG, HAT = "SKU-000", "SKU-001"


@dataclass
class Market:
    """A merchant with twenty SKUs, ten units of each, and a shop elsewhere that sells them too."""

    postgres: Postgres
    shop: Shop
    channel_id: str = ""

    def __post_init__(self) -> None:
        kinds = {"shelf": self.shop}
        self.ledger = StockLedger(self.postgres)
        self.channels = Channels(self.postgres, kinds, VAULT)
        self.orders = ChannelOrders(self.postgres, lease_ms=300)
        self.listed = OrderList(self.postgres)
        self.inbox = ChannelInbox(self.channels, kinds, self.orders)
        self.links = Links(self.postgres, kinds)

    async def connect(self, *, cancels_oversold: bool = False) -> None:
        await stock_up(self.postgres, self.ledger)
        created = await self.channels.create("shelf", name="Shop", settings={}, cancels_oversold=cancels_oversold)
        self.channel_id = created.channel_id

    async def push(self, body: str, *, sign: str = "a token", channel_id: str = "") -> bytes:
        request = PushRequest(query={}, headers={"x-sign": sign}, body=body.encode())
        return (await self.inbox.receive(channel_id or self.channel_id, request)).answer

    async def on_hand(self, sku: str) -> int:
        return (await self.ledger.level(sku)).on_hand

    async def comes_to(self, order_id: str, state: str) -> ChannelOrderView:
        """Wait until an order is of a state."""
        found: dict[str, ChannelOrderView] = {}
        for _ in range(500):
            found = {one.order_id: one for one in (await self.listed.page(self.channel_id)).items}
            if order_id in found and found[order_id].state == state:
                return found[order_id]
            await asyncio.sleep(0.01)
        pytest.fail(f"{order_id} did not come to {state}: {found}")
