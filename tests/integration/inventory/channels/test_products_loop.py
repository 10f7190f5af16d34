"""The catalogue out, and matching: a channel has products as they are, and items are linked beyond doubt or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from inventory.channels.channel import Capabilities, ChannelDownError, Pending, Refused
from inventory.channels.channels_pg import Channels
from inventory.channels.links import Link
from inventory.channels.publishing import (
    ItemPage,
    ListedItem,
    Product,
    PublishAnswer,
    Published,
    Publishing,
)
from inventory.channels.rows import ChannelRows
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError, NotFoundError
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import SKUS, VAULT, Shelf, start_sync, stock_up, until
from tests.integration.inventory.channels.shelf import in_step as levels_in_step

CAN = Capabilities(batch_size=50, calls_per_s=1_000, calls_at_once=1_000)


class Gallery(Shelf):
    """Has products and items.

    Attributes:
        published_calls: the products of each call.
        refusals_of: what it does not take, by product.
        down: how many of its next calls fail.
        answers_later: whether it works on products for a while.
        listed: its items.
    """

    def __init__(self, *, item_form: str = "group/number") -> None:
        super().__init__(CAN, item_form=item_form)
        self.publishing = Publishing(batch_size=3, products=10, calls_per_s=1_000, calls_at_once=1_000)
        self.published_calls: list[list[Product]] = []
        self.refusals_of: dict[str, Refused] = {}
        self.down = 0
        self.answers_later = False
        self.listed: list[ListedItem] = []

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer] | Pending:
        if self.down:
            self.down -= 1
            raise ChannelDownError("the gallery is closed")
        self.published_calls.append(list(products))
        if self.answers_later:
            return Pending(handle=str(len(self.published_calls)))
        return self._hang(products)

    async def published(self, pending: Pending, products: Sequence[Product]) -> list[PublishAnswer] | None:
        assert self.published_calls[int(pending.handle) - 1] == list(products)
        return self._hang(products)

    def _hang(self, products: Sequence[Product]) -> list[PublishAnswer]:
        return [
            self.refusals_of.get(one.product_id)
            or Published(
                listing=f"their-{one.product_id}",
                items={} if self.item_form == "sku" else {v.sku: f"{one.product_id}/{v.sku}" for v in one.variants},
            )
            for one in products
        ]

    async def items(self, *, after: str | None) -> ItemPage:
        start = int(after or 0)
        more = start + 2 < len(self.listed)
        return ItemPage(items=tuple(self.listed[start : start + 2]), next=str(start + 2) if more else None)


@pytest.fixture
def gallery() -> Gallery:
    return Gallery()


@pytest.fixture
def rows(postgres: Postgres, gallery: Gallery) -> ChannelRows:
    return ChannelRows.of(postgres, {"shelf": gallery}, lease_ms=300)


@pytest.fixture
async def channel_id(postgres: Postgres, gallery: Gallery) -> str:
    """Two more products, besides one of twenty SKUs."""
    await stock_up(postgres, StockLedger(postgres))
    async with postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO products (product_id, product_key, title)"
            " VALUES ('prod_2', 'cup', 'Cup'), ('prod_3', 'none', 'Nothing')"
        )
        await connection.execute(
            "INSERT INTO variants (sku, product_id, title, price_amount, price_currency)"
            " VALUES ('CUP-A', 'prod_2', 'a', 500, 'EUR'), ('CUP-B', 'prod_2', 'b', 600, 'EUR')"
        )
        await connection.execute("INSERT INTO stock (sku, on_hand) VALUES ('CUP-A', 4), ('CUP-B', 0)")
    channels = Channels(postgres, {"shelf": gallery}, VAULT)
    return (await channels.create("shelf", name="Gallery", settings={})).channel_id


@pytest.fixture
async def running(
    postgres: Postgres, gallery: Gallery, channel_id: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    assert channel_id
    monkeypatch.setattr("inventory.channels.products_loop.OUTCOME_FIRST_S", 0.01)
    tasks = start_sync(postgres, Channels(postgres, {"shelf": gallery}, VAULT), gallery)
    yield
    await tasks.stop()


async def until_it_holds(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


def told(gallery: Gallery, sku: str) -> list[int]:
    """Return the quantities that it was told of a SKU."""
    return [level.quantity for call in gallery.calls for level in call if level.sku == sku]


async def in_step(rows: ChannelRows, channel_id: str, products: int) -> None:
    async def has_them() -> bool:
        page = await rows.products.page(channel_id)
        return len([one for one in page.items if one.in_step]) == products

    await until_it_holds(has_them)


@pytest.mark.usefixtures("running")
async def test_a_published_product_is_told_whole_linked_and_told_again_when_it_changes(
    postgres: Postgres, gallery: Gallery, rows: ChannelRows, channel_id: str
) -> None:
    assert await rows.products.publish(channel_id, ["prod_2"]) == 1
    await in_step(rows, channel_id, 1)
    ((cup,),) = gallery.published_calls
    assert (cup.product_key, cup.listing, [one.sku for one in cup.variants]) == ("cup", "", ["CUP-A", "CUP-B"])
    assert [(one.item_id, one.level) for one in cup.variants] == [(None, 4), (None, 0)]
    await levels_in_step(Channels(postgres, {"shelf": gallery}, VAULT), channel_id)
    before = len(told(gallery, "CUP-A"))
    async with postgres.connection() as connection:
        linked = await connection.fetch("SELECT sku, item_id FROM channel_levels WHERE item_id IS NOT NULL")
        # A new count of units is a level, no product.
        await connection.execute("UPDATE variants SET imported_quantity = 7 WHERE sku = 'CUP-A'")
        await connection.execute("UPDATE variants SET price_amount = 550 WHERE sku = 'CUP-A'")
    assert {row["sku"]: row["item_id"] for row in linked} == {"CUP-A": "prod_2/CUP-A", "CUP-B": "prod_2/CUP-B"}
    await until(lambda: len(gallery.published_calls) == 2)
    await in_step(rows, channel_id, 1)
    again = gallery.published_calls[1][0]
    assert (again.listing, again.variants[0].price.amount) == ("their-prod_2", 550)
    # What the product set is told again: something may have been sold between the two.
    await until(lambda: len(told(gallery, "CUP-A")) > before)
    assert set(told(gallery, "CUP-A")) == {4}
    async with postgres.connection() as connection:
        await connection.execute("UPDATE products SET title = 'Big cup' WHERE product_id = 'prod_2'")
        await connection.execute(
            "INSERT INTO variants (sku, product_id, title, price_amount, price_currency)"
            " VALUES ('CUP-C', 'prod_2', 'c', 700, 'EUR')"
        )
    await until(lambda: len(gallery.published_calls[-1][0].variants) == 3)
    assert gallery.published_calls[-1][0].title == "Big cup"


@pytest.mark.usefixtures("running")
async def test_products_go_together_as_far_as_their_variants_fit_and_none_is_torn_apart(
    gallery: Gallery, rows: ChannelRows, channel_id: str
) -> None:
    assert await rows.products.publish(channel_id, None) == 2, "a product without variants is none to publish"
    await in_step(rows, channel_id, 2)
    assert sorted(len(one.variants) for call in gallery.published_calls for one in call) == [2, 20]
    assert all(len(call) == 1 for call in gallery.published_calls)


@pytest.mark.usefixtures("running")
async def test_what_is_refused_says_why_and_a_channel_that_is_down_is_told_later(
    gallery: Gallery, rows: ChannelRows, channel_id: str
) -> None:
    gallery.refusals_of = {"prod_1": Refused(reason="a picture is missing", temporary=False)}
    gallery.down = 1
    gallery.answers_later = True
    await rows.products.publish(channel_id, None)
    await in_step(rows, channel_id, 1)

    async def says_why() -> bool:
        page = await rows.products.page(channel_id)
        return {one.product_id: one.last_error for one in page.items} == {
            "prod_1": "a picture is missing",
            "prod_2": None,
        }

    await until_it_holds(says_why)
    assert len([call for call in gallery.published_calls if call[0].product_id == "prod_1"]) == 1


async def test_publishing_what_there_is_not_changes_nothing(rows: ChannelRows, channel_id: str) -> None:
    for unknown in ("prod_9", "prod_3"):
        with pytest.raises(NotFoundError) as raised:
            await rows.products.publish(channel_id, ["prod_2", unknown])
        assert raised.value.code == "unknown_product"
    with pytest.raises(NotFoundError):
        await rows.products.publish("chan_9", None)
    assert not (await rows.products.page(channel_id)).items
    await rows.products.publish(channel_id, None)
    assert await rows.products.withdraw(channel_id, ["prod_1"]) == 1
    assert [one.product_id for one in (await rows.products.page(channel_id)).items] == ["prod_2"]


@pytest.mark.usefixtures("running")
async def test_items_that_are_called_as_a_sku_are_linked_and_whatever_is_in_doubt_is_listed(
    gallery: Gallery, rows: ChannelRows, channel_id: str
) -> None:
    await rows.links.link(channel_id, [Link(line=1, sku=SKUS[0], item_id="7/0")])
    names = {
        "7/1": SKUS[1],  # beyond doubt
        "7/2": SKUS[0],  # the SKU has another item
        "7/3": SKUS[3],  # two of one name
        "7/4": SKUS[3],
        "7/5": "sku-005",  # not quite
        "7/6": "",
        "7/0": SKUS[7],  # linked to another SKU by hand
        "no form": SKUS[8],
    }
    gallery.listed = [ListedItem(item_id=item, seller_sku=name, title="T") for item, name in names.items()]
    await rows.items.ask_match(channel_id)

    async def matched() -> bool:
        page = await rows.items.page(channel_id)
        return [one.item_id for one in page.items] == ["7/2", "7/3", "7/4", "7/5", "7/6", "no form"]

    await until_it_holds(matched)
    linked = {one.sku: one.item_id for one in (await rows.levels.page(channel_id)).items if one.item_id}
    assert linked == {SKUS[0]: "7/0", SKUS[1]: "7/1"}
    gallery.listed = gallery.listed[:3]
    await rows.items.ask_match(channel_id)

    async def forgotten() -> bool:
        return [one.item_id for one in (await rows.items.page(channel_id)).items] == ["7/2"]

    await until_it_holds(forgotten)
    assert await rows.items.match_wanted(channel_id) is None


async def test_a_channel_that_calls_items_as_skus_has_nothing_to_match(postgres: Postgres) -> None:
    gallery = Gallery(item_form="sku")
    await stock_up(postgres, StockLedger(postgres))
    channels = Channels(postgres, {"shelf": gallery}, VAULT)
    channel_id = (await channels.create("shelf", name="Gallery", settings={})).channel_id
    rows = ChannelRows.of(postgres, {"shelf": gallery})
    with pytest.raises(InvalidError) as raised:
        await rows.items.ask_match(channel_id)
    assert raised.value.code == "links_by_sku"
    assert await rows.items.match_wanted(channel_id) is None
