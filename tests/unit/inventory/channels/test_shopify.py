"""Shopify without a network: settings, item ids, and what its answers mean."""

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError
from inventory.channels.shopify.answers import Complaint, complaints_in
from inventory.channels.shopify.channel_http import BATCH, CALLS_AT_ONCE, CALLS_PER_S, MOST_QUANTITY, ShopifyKind
from kit.errors import InvalidError

GOOD = {"shop": "My-Shop.myshopify.com", "location_id": "655441491", "access_token": "a-secret-token"}


def answered(*user_errors: dict[str, object]) -> bytes:
    return msgspec.json.encode({"data": {"inventorySetQuantities": {"userErrors": user_errors}}})


def failed(code: str, **extensions: object) -> bytes:
    return msgspec.json.encode(
        {"errors": [{"message": "no", "extensions": {"code": code}}], "extensions": extensions or {"cost": None}}
    )


def cost(requested: float, available: float, rate: float) -> dict[str, object]:
    status = {"maximumAvailable": 1_000, "currentlyAvailable": available, "restoreRate": rate}
    return {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}


async def test_settings_and_the_secret_are_told_apart() -> None:
    prepared = await ShopifyKind().prepare(GOOD)
    assert prepared.settings == {
        "shop": "my-shop.myshopify.com",
        "location_id": "655441491",
        "client_id": "",
        "product_template": "{}",
    }
    assert prepared.secrets == {
        "client_secret": "",
        "access_token": "a-secret-token",
        "refresh_token": "",
        "access_token_expires_at": "0",
    }
    assert prepared.generated is None


APP = {"client_id": "0123456789abcdef", "client_secret": "the-client-secret"}


async def test_access_is_given_or_can_be_asked_for() -> None:
    given = {name: GOOD[name] for name in ("shop", "location_id")}
    for access in ({"access_token": "a-secret-token"}, APP, APP | {"refresh_token": "a-refresh-token"}):
        await ShopifyKind().prepare(given | access)
    for access, field in (
        ({}, "access_token"),
        ({"client_secret": "the-client-secret"}, "access_token"),
        ({"client_id": "0123456789abcdef"}, "access_token"),
        ({"access_token": "a-secret-token", "refresh_token": "a-refresh-token"}, "refresh_token"),
    ):
        with pytest.raises(InvalidError) as caught:
            await ShopifyKind().prepare(given | access)
        assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shop", ""),
        ("shop", "a-shop"),
        ("shop", "a-shop.myshopify.com.evil.example"),
        ("shop", "evil.example/a-shop.myshopify.com"),
        ("shop", "evil.example#.myshopify.com"),
        ("shop", "-shop.myshopify.com"),
        ("shop", "a-shop.myshopify.com\n"),
        ("shop", "s" * 80 + ".myshopify.com"),
        ("location_id", ""),
        ("location_id", "0"),
        ("location_id", "gid://shopify/Location/1"),
        ("location_id", "\u0661"),
        ("access_token", ""),
        ("access_token", "two words"),
        ("access_token", "line\r\nbreak"),
        ("access_token", "t" * 513),
        ("client_id", "a b"),
        ("client_secret", "short"),
        ("product_template", "{"),
        ("colour", "red"),
    ],
)
async def test_a_wrong_setting_is_named_and_a_secret_is_not(field: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await ShopifyKind().prepare(GOOD | {field: value})
    assert caught.value.details["field"] == field
    assert field not in {"access_token", "client_secret"} or not value or value not in str(caught.value)


@pytest.mark.parametrize("item_id", ["1", "43729076", "18446744073709551615"])
def test_an_item_id_is_a_number(item_id: str) -> None:
    ShopifyKind().check_item_id(item_id)


@pytest.mark.parametrize("item_id", ["", "0", "01", "-1", "1.0", "1\n", "²", "gid://shopify/InventoryItem/1", "1" * 21])
def test_anything_else_is_not_an_item_id(item_id: str) -> None:
    with pytest.raises(InvalidError, match="inventory item"):
        ShopifyKind().check_item_id(item_id)


@pytest.mark.parametrize(
    ("code", "final"),
    [
        ("CHANGE_FROM_QUANTITY_STALE", False),
        ("ADJUST_QUANTITIES_FAILED", False),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", False),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", False),
        ("A_CODE_OF_NEXT_YEAR", False),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", True),
        ("INVALID_INVENTORY_ITEM", True),
        ("INVALID_LOCATION", True),
        ("INVALID_QUANTITY_NEGATIVE", True),
        ("INVALID_QUANTITY_TOO_HIGH", True),
        ("ITEM_NOT_STOCKED_AT_LOCATION", True),
        ("NON_MUTABLE_INVENTORY_ITEM", True),
    ],
)
def test_which_refusals_are_final(code: str, final: bool) -> None:
    field = ["input", "quantities", "3", "quantity"]
    (complaint,) = complaints_in(answered({"code": code, "field": field, "message": "words " * 100}))
    assert (complaint.place, complaint.final) == (3, final)
    assert complaint.said.startswith(f"{code}: words")
    assert len(complaint.said) < 220


@pytest.mark.parametrize(
    "field", [None, [], ["input"], ["input", "quantities"], ["input", "quantities", "x"], ["input", "reason"]]
)
def test_a_complaint_without_a_place_concerns_all(field: list[str] | None) -> None:
    (complaint,) = complaints_in(answered({"code": None, "field": field, "message": "no"}))
    assert complaint == Complaint(place=None, final=False, said="no code: no")


def test_unknown_fields_of_an_answer_do_no_harm() -> None:
    body = b'{"data":{"inventorySetQuantities":{"userErrors":[],"new":1},"new":2},"new":3}'
    assert complaints_in(body) == []


@pytest.mark.parametrize(
    ("requested", "available", "rate", "wait_ms"),
    [(91, 41, 100, 500), (91, 41, 50, 1_000), (752, 0, 100, 7_520), (10, 9.9, 1_000, 1), (10, 10, 100, 1)],
)
def test_the_wait_is_until_the_bucket_holds_what_the_call_costs(
    requested: float, available: float, rate: float, wait_ms: int
) -> None:
    with pytest.raises(ChannelDownError, match="THROTTLED") as caught:
        complaints_in(failed("THROTTLED", cost=cost(requested, available, rate)))
    assert caught.value.retry_after_ms == wait_ms


@pytest.mark.parametrize("extensions", [{"cost": None}, {"cost": cost(10, 0, 0)}, {"other": 1}])
def test_a_throttle_without_a_sensible_cost_has_no_hint(extensions: dict[str, object]) -> None:
    with pytest.raises(ChannelDownError, match="THROTTLED") as caught:
        complaints_in(failed("THROTTLED", **extensions))
    assert caught.value.retry_after_ms is None


@pytest.mark.parametrize(("code", "remedy"), [("ACCESS_DENIED", "write_inventory"), ("SHOP_INACTIVE", "reopen")])
def test_ended_access_says_what_to_do(code: str, remedy: str) -> None:
    with pytest.raises(ChannelGoneError, match=remedy):
        complaints_in(failed(code))


def test_other_errors_of_a_call_may_pass() -> None:
    with pytest.raises(ChannelDownError, match="INTERNAL_SERVER_ERROR: no"):
        complaints_in(failed("INTERNAL_SERVER_ERROR"))


def test_the_limits_fit_each_other() -> None:
    points = 1 + 3 * BATCH + 10  # to read and to set a full batch
    assert points * CALLS_PER_S <= 81  # of the 100 that the smallest plan gives back in a second
    assert points * (CALLS_AT_ONCE + 1) <= 1_000
    assert BATCH <= 250
    assert MOST_QUANTITY == 1_000_000_000
