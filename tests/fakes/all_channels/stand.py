"""What all fake channels have in common, so that they can be set up, filled and disturbed in the same way."""

import hashlib
from abc import ABC, abstractmethod
from typing import ClassVar, Final

import msgspec
from starlette.types import ASGIApp

from tests.fakes.channels.troubles import Troubles

FOREVER_S: Final = 10 * 365 * 86_400
"""How long the fakes' access lasts: a fake that is started again must know the access that it gave before."""

_FIRST_NUMBER: Final = 10**12
_NUMBERS: Final = 9 * 10**12


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A signed call that a channel makes to its address at a server."""

    query: dict[str, str] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """An order at a fake; ``hook`` tells of it, None where nobody is told and the channel has to be asked."""

    order_id: str
    hook: Hook | None = None


class NoOrdersError(Exception):
    """Nobody can order there."""


class Stand(ABC):
    """A fake channel with items for a whole catalogue.

    Args:
        app: the fake.
        troubles: what stands before it; None: nothing does yet.

    Attributes:
        kind: of the channel that it is a fake of.
        name: of that channel; it ends with ``(fake)``.
        by_sku: whether its items are called as the SKUs are.
        app: to be served.
        skus: which SKU each of its items is.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    by_sku: ClassVar[bool] = False

    def __init__(self, app: ASGIApp, troubles: Troubles | None = None) -> None:
        self.troubles = troubles or Troubles(app)
        self.app: ASGIApp = self.troubles if troubles is None else app
        self.skus: dict[str, str] = {}

    @abstractmethod
    def settings(self, api_url: str) -> dict[str, str]:
        """What a channel that sells here is set up with, at a server with this address."""

    @abstractmethod
    def shows(self) -> dict[str, int]:
        """The units of each item that a buyer sees; 1 or 0 where they see no number."""

    @abstractmethod
    def _add(self, item_id: str, sku: str, units: int) -> None: ...

    def item_id(self, product_id: str, sku: str) -> str:
        """What a new item of a SKU would be called."""
        return sku if self.by_sku else f"{number_of(product_id)}/{number_of(sku)}"

    def sell(self, item_id: str, units: int) -> Sale:
        """Let somebody order units, which are gone over there.

        Raises:
            NoOrdersError: a channel of this kind has no orders.
        """
        raise NoOrdersError(f"{self.name} only shows {item_id}: nobody can order {units} of it there")

    def put(self, item_id: str, sku: str, units: int) -> bool:
        """Have an item; true when it is new. An item that is there stays as it is."""
        if item_id in self.skus:
            return False
        self._add(item_id, sku, units)
        self.skus[item_id] = sku
        return True


def number_of(text: str) -> int:
    """A number that always is the same for the same text: items have the same names after the next start."""
    return _FIRST_NUMBER + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % _NUMBERS


def two_numbers(item_id: str) -> tuple[int, int]:
    first, _, second = item_id.partition("/")
    return int(first), int(second)
