"""Channels that take the catalogue: products told to them, and their items told to us. Parts of the port.

A product is told whole, as it is now. Telling it again does no harm: a channel that makes products of its own first
looks for one of ours with the same SKUs. What a channel wants to know of a product and our catalogue does not say (its
category, how it ships) the merchant gives once per channel, as ``product_template`` (``template.py``).
"""

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from inventory.channels.channel import Channel, Pending, Refused
from kit.money import Money


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What one SKU of a product is.

    Attributes:
        title: what tells it from the product's others; blank where there is only one.
        level: the units to show at first; later ones are told as levels.
        item_id: what the channel calls it, None while it is not linked.
    """

    sku: str
    title: str
    price: Money
    level: int
    item_id: str | None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product with all its variants, one at least.

    Attributes:
        product_id: ours.
        product_key: the merchant's own.
        image: an address; None for a product without one.
        listing: what the channel said its own product is (``Published.listing``); blank while it was not published.
    """

    product_id: str
    product_key: str
    title: str
    description: str
    image: str | None
    vendor: str
    listing: str
    variants: tuple[Variant, ...]

    @property
    def linked_listings(self) -> list[str]:
        """The channel's products that its variants are linked to, sorted, where item ids are ``product_id/…``."""
        return sorted({one.item_id.partition("/")[0] for one in self.variants if one.item_id})

    def linked_elsewhere(self, item_ids: Collection[str]) -> Refused | None:
        """Refuse to tell it to a product of the channel's that lacks items which its variants are linked to.

        Telling would make second items, and the first would be told nothing more.

        Args:
            item_ids: what the channel's product has; none where there is no such product.
        """
        skus = [one.sku for one in self.variants if one.item_id is not None and one.item_id not in item_ids]
        if not skus:
            return None
        return Refused(
            reason=f"{skus[0]} is linked to an item that is not found by its SKU over there: give the item this SKU, "
            "or take the link away",
            temporary=False,
        )


def names_of(
    variants: Sequence[Variant], *, most_chars: int | None = None, taken: Collection[str] = ()
) -> dict[str, str]:
    """Return what tells variants apart, by SKU: the title, or the SKU where that is blank or not the only one.

    Args:
        variants: those that stand beside each other.
        most_chars: of a name, which is cut to that; None for as long as it is.
        taken: names that others of the product have already.
    """
    titles = [variant.title[:most_chars] for variant in variants]
    return {
        variant.sku: title if title and titles.count(title) == 1 and title not in taken else variant.sku[:most_chars]
        for variant, title in zip(variants, titles, strict=True)
    }


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The channel has the product.

    Attributes:
        listing: the channel's name for the product, given back with the next telling; blank where it has none.
        items: the channel's item ids by SKU, where they are not the SKUs themselves. They become links.
    """

    listing: str = ""
    items: dict[str, str] = msgspec.field(default_factory=dict)


PublishAnswer = Published | Refused


class Publishing(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel takes products.

    Attributes:
        batch_size: variants in one call, of one product or several; a product is never torn apart.
        products: products in one call.
        calls_per_s: calls per second for long.
        calls_at_once: calls that may follow each other directly after a rest.
    """

    batch_size: int
    products: int = 1
    calls_per_s: float = 1.0
    calls_at_once: int = 1


@runtime_checkable
class Publishes(Channel, Protocol):
    """A channel that takes products."""

    @property
    def publishing(self) -> Publishing:
        """How it takes them; the same for its whole life."""
        ...

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer] | Pending:
        """Tell products as they are now.

        Returns:
            One answer per product, in order; or, of a channel that ``PublishesLater``, what to ask with.

        Raises:
            ChannelDownError: nothing is known about any of them; try again.
            ChannelGoneError: do not try again.
        """
        ...


@runtime_checkable
class PublishesLater(Publishes, Protocol):
    """A channel whose ``publish`` may answer with ``Pending``."""

    async def published(self, pending: Pending, products: Sequence[Product]) -> list[PublishAnswer] | None:
        """Return what came of an earlier call with these products; None while the channel still works on it.

        Raises as ``publish`` does.
        """
        ...


class ListedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a channel has. ``seller_sku`` is what the merchant called it over there, blank if nothing."""

    item_id: str
    seller_sku: str
    title: str


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a channel's items; ``next`` asks for the rest, None when this is the end."""

    items: tuple[ListedItem, ...]
    next: str | None = None


@runtime_checkable
class Lists(Channel, Protocol):
    """A channel that can be asked for its items, so that they can be matched with our SKUs."""

    async def items(self, *, after: str | None) -> ItemPage:
        """Return a page of its items with one call; ``after`` is ``next`` of the page before. Raises as ``tell``."""
        ...
