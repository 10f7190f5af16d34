"""A channel that sells, in the tests' own process: what it says of its orders is the test's to decide."""

from collections.abc import Sequence

from inventory.channels.channel import Capabilities, ChannelConfig, ChannelDownError, Refused, Told
from inventory.channels.selling import (
    ChannelOrder,
    OrderPage,
    Pushed,
    PushedEvent,
    PushRequest,
    SeenOrder,
    Selling,
    SoldLine,
)
from kit.clock import now_ms
from kit.errors import UnauthorisedError
from tests.integration.inventory.channels.shelf import Shelf

SELLING = Selling(batch_size=3, calls_per_s=1_000, calls_at_once=1_000, every_s=0.05)


class Shop(Shelf):
    """Sells.

    Attributes:
        orders_held: its orders.
        stamps: what its list says of them; an order without a stamp is in no list.
        asked: the orders of each call for orders.
        looks: from when each look through its list began.
        cancels: what it answers to a cancellation, in turn; it cancels when there is nothing more to answer.
        down: how many of its next calls fail.
        page: orders in one page of its list.
        unreadable: orders that make an answer unreadable.
    """

    def __init__(self, *, selling: Selling = SELLING, item_form: str = "sku") -> None:
        super().__init__(
            Capabilities(batch_size=50, calls_per_s=1_000, calls_at_once=1_000, orders="push"), item_form=item_form
        )
        self.selling = selling
        self.orders_held: dict[str, ChannelOrder] = {}
        self.stamps: dict[str, str] = {}
        self.asked: list[list[str]] = []
        self.looks: list[int] = []
        self.cancelled: list[str] = []
        self.cancels: list[Refused] = []
        self.down = 0
        self.page = 2
        self.unreadable: set[str] = set()

    def place(self, order_id: str, *lines: tuple[str, int], stamp: str | None = None, placed_ms: int = 0) -> None:
        """Put an order as it is now; with a stamp it is in the list."""
        self.orders_held[order_id] = ChannelOrder(
            order_id=order_id,
            placed_at_ms=placed_ms or now_ms() + 1_000,
            status="PLACED" if lines else "CANCELLED",
            lines=tuple(SoldLine(item_id=item_id, quantity=quantity) for item_id, quantity in lines),
        )
        if stamp is not None:
            self.stamps[order_id] = stamp

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        self._call()
        if after is None:
            self.looks.append(since_ms)
        ids = [one for one in sorted(self.stamps) if after is None or one > after]
        page = tuple(SeenOrder(order_id=one, stamp=self.stamps[one]) for one in ids[: self.page])
        return OrderPage(orders=page, next=page[-1].order_id if len(ids) > self.page else None)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        self._call()
        self.asked.append(list(order_ids))
        if self.unreadable.intersection(order_ids):
            raise ChannelDownError("an answer that cannot be read")
        return [self.orders_held.get(one) for one in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        self._call()
        self.cancelled.append(order_id)
        if self.cancels:
            return self.cancels.pop(0)
        self.place(order_id)
        return Told()

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        if request.headers.get("x-sign") != config.secrets["token"]:
            raise UnauthorisedError("the signature is wrong")
        event_id, _, ids = request.body.decode().partition(":")
        event = (
            PushedEvent(event_id=event_id, order_ids=tuple(ids.split(",")))
            if ids
            else PushedEvent(event_id=event_id, trouble="it names no order")
        )
        return Pushed(events=(event,), answer=b"success", media_type="text/plain")

    def greeted(self, config: ChannelConfig, request: PushRequest) -> bytes:
        if request.query.get("sign") != config.secrets["token"]:
            raise UnauthorisedError("the signature is wrong")
        return request.query["echo"].encode()

    def _call(self) -> None:
        if self.down:
            self.down -= 1
            raise ChannelDownError("the shop is closed")
