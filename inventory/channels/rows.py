"""What is kept of channels in Postgres, put together: the API writes there, and the loops take their work from it."""

import msgspec

from inventory.channels.announcements_pg import Announcements
from inventory.channels.announcing import announcing
from inventory.channels.items_pg import ChannelItems
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Levels
from inventory.channels.limits import LEASE_MS
from inventory.channels.links_pg import Links
from inventory.channels.order_list_pg import OrderList
from inventory.channels.orders_pg import ChannelOrders
from inventory.channels.products_pg import ChannelProducts
from inventory.channels.registry import Registry
from kit.postgres import Postgres


class ChannelRows(msgspec.Struct, frozen=True, kw_only=True):
    """Each keeps one kind of work: levels to be told, orders to be read, products, items, links, messages.

    Attributes:
        kept_back: what staff take off the levels.
    """

    levels: Levels
    kept_back: KeptBack
    orders: ChannelOrders
    order_list: OrderList
    products: ChannelProducts
    items: ChannelItems
    links: Links
    announcements: Announcements

    @classmethod
    def of(cls, postgres: Postgres, kinds: Registry, *, lease_ms: int = LEASE_MS) -> "ChannelRows":
        """Return all of them, out of one database."""
        links = Links(postgres, kinds)
        return cls(
            levels=Levels(postgres, lease_ms=lease_ms),
            kept_back=KeptBack(postgres),
            orders=ChannelOrders(postgres, lease_ms=lease_ms),
            order_list=OrderList(postgres),
            products=ChannelProducts(postgres, lease_ms=lease_ms),
            items=ChannelItems(postgres, links),
            links=links,
            announcements=Announcements(postgres, announcing(kinds), lease_ms=lease_ms),
        )
