"""The bodies of shows and offers: what is refused before any handler runs."""

import msgspec
import pytest

from kit.errors import InvalidError
from kit.ids import new_id, new_ulid
from live.api.answers import invalid_of
from live.api.body_http import decode_json
from live.api.catalogue_http import ProductQuery
from live.api.endpoint import Request
from live.api.lines_http import LineQuery
from live.api.offers_http import Extension, NewOffer, Voiding
from live.api.orders_http import OrderQuery
from live.api.shows_http import NewShow, ShowQuery, Spotlight
from live.api.webhook_deliveries_http import DeliveryQuery

OFFER: dict[str, object] = {"sku": "MUG-S", "price": {"amount": 999, "currency": "EUR"}, "quantity": 5}
SHOW: dict[str, object] = {"title": "Friday", "currency": "EUR"}


def refused(body: dict[str, object], as_type: type[Request]) -> object:
    with pytest.raises(InvalidError) as refusal:
        decode_json(msgspec.json.encode(body), as_type)
    return refusal.value.details["field"]


def test_an_offer_needs_sku_price_and_quantity_only() -> None:
    offer = decode_json(msgspec.json.encode(OFFER), NewOffer)
    assert (offer.per_buyer_limit, offer.preheat_ms, offer.duration_ms) == (1, 0, 60_000)
    assert (offer.hold_ttl_ms, offer.grace_ms) == (120_000, 1_000)


@pytest.mark.parametrize("field", ["sku", "price", "quantity"])
def test_an_offer_without_one_of_them_is_refused(field: str) -> None:
    assert refused({name: value for name, value in OFFER.items() if name != field}, NewOffer) == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("quantity", value) for value in (0, -1, 10**9, 1.5, "3", None, True, ["3"])],
        *[("per_buyer_limit", value) for value in (0, 10**9, "1")],
        *[("preheat_ms", value) for value in (-1, 3_600_001)],
        *[("duration_ms", value) for value in (0, 999, 86_400_001)],
        *[("hold_ttl_ms", value) for value in (4_999, 3_600_001)],
        *[("grace_ms", value) for value in (-1, 10_001)],
        *[("sku", value) for value in ("", " ", "a\x00b", "x" * 101, 5)],
        ("colour", "red"),
    ],
)
def test_each_term_of_an_offer_has_its_bounds(field: str, value: object) -> None:
    assert refused({**OFFER, field: value}, NewOffer) == field


@pytest.mark.parametrize(
    ("price", "field"),
    [
        ({"amount": -1, "currency": "EUR"}, "price.amount"),
        ({"amount": 9.99, "currency": "EUR"}, "price.amount"),
        ({"amount": "999", "currency": "EUR"}, "price.amount"),
        ({"amount": 2**53, "currency": "EUR"}, "price.amount"),
        ({"amount": 999, "currency": "euro"}, "price.currency"),
        ({"amount": 999}, "price.currency"),
        ({"amount": 999, "currency": "EUR", "vat": 1}, "price.vat"),
        (999, "price"),
    ],
)
def test_a_price_is_minor_units_and_a_code(price: object, field: str) -> None:
    assert refused({**OFFER, "price": price}, NewOffer) == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": " \u2003 "}, "title"),
        ({"title": None}, "title"),
        ({"currency": "Euro"}, "currency"),
        ({"scheduled_start_at_ms": -1}, "scheduled_start_at_ms"),
        ({"scheduled_start_at_ms": "2030-01-01"}, "scheduled_start_at_ms"),
        ({"show_id": "show_1"}, "show_id"),
    ],
)
def test_a_show_has_its_bounds(changes: dict[str, object], field: str) -> None:
    assert refused({**SHOW, **changes}, NewShow) == field


def test_the_longest_title_counts_characters_not_bytes() -> None:
    assert len(decode_json(msgspec.json.encode({**SHOW, "title": "é" * 200}), NewShow).title) == 200


def test_the_stage_has_room_for_three() -> None:
    assert decode_json(b'{"product_ids":[]}', Spotlight).product_ids == []
    assert refused({"product_ids": ["prod_1"] * 4}, Spotlight) == "product_ids"
    assert refused({"product_ids": ["prod_1", 2]}, Spotlight) == "product_ids[1]"


@pytest.mark.parametrize(
    ("query", "prefix"),
    [
        (ShowQuery, "show"),
        (OrderQuery, "order"),
        (LineQuery, "order"),
        (ProductQuery, "prod"),
        (DeliveryQuery, "whd"),
    ],
)
def test_a_page_begins_after_something_of_its_own_list_or_is_refused(query: type[Request], prefix: str) -> None:
    place = new_id(prefix)
    assert refused_query({"after": place}, query) is None
    for wrong in ("zzz", place[:-1], place.lower(), f"{place}\n", new_id("chan"), new_ulid(), " "):
        assert refused_query({"after": wrong}, query) == "after: expected `next` of the page before, as it was"


def refused_query(given: dict[str, str], as_type: type[Request]) -> str | None:
    try:
        msgspec.convert(given, as_type, strict=False)
    except msgspec.ValidationError as error:
        return invalid_of(error, as_type).message
    return None


def test_extending_and_voiding_have_their_bounds() -> None:
    assert refused({"extend_ms": 999}, Extension) == "extend_ms"
    assert refused({"extend_ms": 86_400_001}, Extension) == "extend_ms"
    assert refused({}, Voiding) == "reason"
    assert refused({"reason": "x" * 201}, Voiding) == "reason"
