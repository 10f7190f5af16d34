"""The catalogue on a real Postgres: what pages, cards and searches read."""

import pytest

from inventory.catalogue_pg import MAX_PAGE, Catalogue
from kit.errors import InvalidError, NotFoundError
from tests.integration.inventory.product_files import MUG, SHIRT, shopify, take


async def test_search_finds_titles_keys_and_skus_in_any_case_and_takes_wildcards_literally(
    catalogue: Catalogue,
) -> None:
    await take(catalogue, shopify(*SHIRT, MUG, "mugs,Other,Acme,Title,Default Title,MUGX1,7,8,"))

    async def titles(query: str) -> set[str]:
        return {item.title for item in (await catalogue.products(query)).items}

    assert await titles("blue sh") == {"Blue Shirt"}
    assert await titles("sh-m") == {"Blue Shirt"}
    assert await titles("MUG") == {"100% Mug", "Other"}
    assert await titles("100%") == {"100% Mug"}
    assert await titles("g_1") == {"100% Mug"}
    assert await titles("nothing like it") == set()


async def test_pages_hold_every_product_once_in_one_order(catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*(f"p{n},Product {n},A,Title,Default Title,SKU-{n},1,1," for n in range(25))))
    for query in (None, "product"):
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await catalogue.products(query, limit=10, after=after)
            seen += [item.product_id for item in page.items]
            after = page.next
            if after is None:
                break
        assert len(seen) == 25
        assert seen == sorted(set(seen))


@pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
async def test_a_limit_out_of_bounds_is_named(catalogue: Catalogue, limit: int) -> None:
    with pytest.raises(InvalidError) as caught:
        await catalogue.products(limit=limit)
    assert caught.value.details["field"] == "limit"


async def test_cards_come_in_the_order_asked_for_and_an_unknown_one_is_named(catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    ids = [item.product_id for item in (await catalogue.products()).items]

    for order in (ids, ids[::-1]):
        assert [card.product_id for card in await catalogue.cards(order)] == order
    assert [one.sku for card in await catalogue.cards(ids) for one in card.variants if card.title == "Blue Shirt"] == [
        "SH-M",
        "SH-S",
    ]
    with pytest.raises(NotFoundError, match="prod_missing") as caught:
        await catalogue.cards([ids[0], "prod_missing"])
    assert caught.value.code == "unknown_product"


async def test_an_unknown_sku_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match="NO-SUCH") as caught:
        await catalogue.variant("NO-SUCH")
    assert caught.value.code == "unknown_sku"
