"""Meta without a network: settings, item ids, the proof of a call, and what answers mean."""

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level
from inventory.channels.meta.answers import (
    Outcome,
    Shown,
    outcome_in,
    products_in,
    proof,
    request_for,
    taken_in,
)
from inventory.channels.meta.channel_http import (
    BATCH,
    CALLS_AT_ONCE,
    CALLS_PER_S,
    PUBLISH_BATCH,
    PUBLISH_CALLS_PER_S,
    MetaKind,
)
from inventory.channels.meta.failures import (
    RATE_WAIT_MS,
    SHOP,
    CallRefusedError,
    TooMuchDataError,
    failure_in,
    is_absent,
    kind_of,
    wait_ms,
)
from kit.errors import InvalidError
from kit.pace import Pace

GOOD = {"catalog_id": "1017309634048260", "access_token": "a-secret-token", "app_secret": "a-secret-of-the-app"}
USAGE = "x-business-use-case-usage"


def failed(code: int, message: str = "no", **more: object) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "code": code, "fbtrace_id": "x"} | more})


@pytest.mark.parametrize(
    ("app_secret", "token", "same"),
    [
        ("the-secret-of-the-app", "the-system-users-token", True),
        ("the-secret-of-the-app", "the-system-users-tokeo", False),
        ("the-system-users-token", "the-secret-of-the-app", False),
    ],
)
def test_the_proof_is_an_hmac_of_the_token(app_secret: str, token: str, same: bool) -> None:
    by_openssl = "32a0314826369db9281f99db84374007177051953dba1e834db52866a700f616"
    assert (proof(app_secret, token) == by_openssl) is same


async def test_settings_and_secrets_are_told_apart() -> None:
    prepared = await MetaKind().prepare(GOOD)
    assert prepared.settings == {
        "catalog_id": "1017309634048260",
        "commerce_account_id": "",
        "link_template": "",
        "image_template": "",
        "brand": "",
        "condition": "new",
    }
    assert prepared.secrets == {
        "access_token": "a-secret-token",
        "app_secret": "a-secret-of-the-app",
        "page_access_token": "",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("catalog_id", ""),
        ("catalog_id", "0"),
        ("catalog_id", "1/../2"),
        ("catalog_id", "1\n"),
        ("catalog_id", "1" * 21),
        ("access_token", ""),
        ("access_token", "with\r\nbreak"),
        ("access_token", "t" * 1_001),
        ("app_secret", ""),
        ("app_secret", "s\u00e4cret"),
        ("colour", "red"),
        ("commerce_account_id", "0"),
        ("page_access_token", "with\r\nbreak"),
        ("link_template", "https://shop.example/p"),
        ("image_template", "{sku}"),
        ("brand", "b" * 71),
        ("condition", "shiny"),
    ],
)
async def test_a_wrong_setting_is_named_and_a_secret_is_not(field: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await MetaKind().prepare(GOOD | {field: value})
    assert caught.value.details["field"] == field
    assert "token" not in field or not value or value not in str(caught.value)


@pytest.mark.parametrize("item_id", ["SKU-1", "classic-varsity-top.medium", "größe 38", "x" * 100])
def test_an_item_id_is_a_sku(item_id: str) -> None:
    MetaKind().check_item_id(item_id)


@pytest.mark.parametrize("item_id", ["", " SKU", "SKU ", "a\tb", "a\x00b", "x" * 101])
def test_anything_else_is_not_an_item_id(item_id: str) -> None:
    with pytest.raises(InvalidError, match="retailer id"):
        MetaKind().check_item_id(item_id)


@pytest.mark.parametrize(("quantity", "availability"), [(0, "out of stock"), (1, "in stock"), (900, "in stock")])
def test_availability_and_quantity_are_told_together(quantity: int, availability: str) -> None:
    data = {"id": "S", "availability": availability, "quantity_to_sell_on_facebook": quantity}
    level = Level(sku="sku", item_id="S", quantity=quantity, version=3)
    assert request_for(level) == {"method": "UPDATE", "data": data}


@pytest.mark.parametrize(
    ("code", "subcode", "message", "kind"),
    [
        (190, None, "", "gone"),
        (190, 463, "", "gone"),
        (102, None, "", "gone"),
        (10, None, "", "gone"),
        (200, None, "", "gone"),
        (299, None, "", "gone"),
        (100, 33, "", "gone"),
        (100, None, "Invalid appsecret_proof provided in the API argument", "gone"),
        (100, None, "", "refused"),
        (100, 1_487_851, "", "refused"),
        (506, None, "", "refused"),
        (1, None, "An unknown error", "passing"),
        (1, None, "Please reduce the amount of data you're asking for", "too much"),
        (2, None, "", "passing"),
        (368, None, "", "passing"),
        (4, None, "", "rate"),
        (17, None, "", "rate"),
        (32, None, "", "rate"),
        (341, None, "", "rate"),
        (613, None, "", "rate"),
        (80_014, None, "", "rate"),
        (80_009, None, "", "rate"),
        (300, None, "", "unknown"),
        (0, None, "", "unknown"),
    ],
)
def test_what_an_error_means(code: int, subcode: int | None, message: str, kind: str) -> None:
    assert kind_of(code, subcode, message) == kind


def test_errors_are_of_their_kind() -> None:
    assert isinstance(failure_in(401, {}, failed(190), []), ChannelGoneError)
    assert isinstance(failure_in(400, {}, failed(1, "Reduce the amount of data"), []), TooMuchDataError)
    assert isinstance(failure_in(400, {}, failed(100), []), CallRefusedError)
    for passing in (failure_in(400, {}, failed(2), []), failure_in(400, {}, failed(100, is_transient=True), [])):
        assert type(passing) is ChannelDownError
        assert passing.retry_after_ms is None
    limited = failure_in(400, {USAGE: '{"1":[{"estimated_time_to_regain_access":5}]}'}, failed(80_014), [])
    assert isinstance(limited, ChannelDownError)
    assert limited.retry_after_ms == 300_000


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"no"}', b'{"error":{"code":"190"}}', b"\xff", b"[]"])
def test_an_error_without_sense_may_pass(body: bytes) -> None:
    assert str(failure_in(404, {}, body, [])) == "Meta answered 404"


@pytest.mark.parametrize("code", [1, 100, 190, 613])
def test_a_secret_in_metas_words_is_not_repeated(code: int) -> None:
    error = failure_in(400, {}, failed(code, "Malformed access token a-secret, or so"), ["a-secret"])
    assert "a-secret" not in f"{error!r}"


@pytest.mark.parametrize(
    ("header", "waits_ms"),
    [
        ('{"1":[{"type":"catalog_batch","estimated_time_to_regain_access":2}]}', 120_000),
        ('{"1":[{"estimated_time_to_regain_access":0.5},{"estimated_time_to_regain_access":7}],"2":[{}]}', 420_000),
        ('{"1":[{"estimated_time_to_regain_access":1e300}]}', 86_400_000),
        ('{"1":[{"estimated_time_to_regain_access":0}]}', RATE_WAIT_MS),
        ('{"1":[{"estimated_time_to_regain_access":-3}]}', RATE_WAIT_MS),
        ('{"1":[]}', RATE_WAIT_MS),
        ("{}", RATE_WAIT_MS),
        ("soon", RATE_WAIT_MS),
        ("", RATE_WAIT_MS),
    ],
)
def test_the_wait_is_what_meta_says_or_a_minute(header: str, waits_ms: int) -> None:
    assert wait_ms({USAGE: header}) == waits_ms


@pytest.mark.parametrize("state", ["scheduled", "dispatched", "started", "Started", "in_progress"])
def test_a_batch_at_work_has_no_outcome_yet(state: str) -> None:
    assert outcome_in(msgspec.json.encode({"data": [{"status": state, "errors_total_count": 0}]})) is None


@pytest.mark.parametrize("state", ["error", "canceled", "Error"])
def test_a_batch_that_was_given_up_is_told_again(state: str) -> None:
    with pytest.raises(ChannelDownError, match="ended the batch"):
        outcome_in(msgspec.json.encode({"data": [{"status": state}]}))


def test_ids_are_complete_and_errors_are_samples() -> None:
    errors = [{"line": 1, "id": "A", "message": "too red"}, {"line": 2, "id": 7}]
    found = {"status": "finished", "errors_total_count": 3, "errors": errors, "ids_of_invalid_requests": ["A", "B"]}
    outcome = outcome_in(msgspec.json.encode({"data": [found]}))
    assert outcome is not None
    assert outcome.refused.keys() == {"A", "B", "7"}
    assert outcome.refused["A"] == "Meta: too red"
    assert outcome.unnamed == 0


def test_errors_that_name_no_item_are_counted() -> None:
    found = {"status": "finished", "errors_total_count": 3, "errors": [{"message": "too red"}]}
    assert outcome_in(msgspec.json.encode({"data": [found]})) == Outcome(refused={}, unnamed=3)


def test_warnings_refuse_nothing() -> None:
    body = b'{"handles":["h"],"validation_status":[{"retailer_id":"A","warnings":[{"message":"hm"}],"errors":[]}]}'
    taken = taken_in(body)
    assert (taken.handle, taken.refused) == ("h", {})


@pytest.mark.parametrize(
    "body", [b'{"handles":[]}', b'{"handles":["a","b"]}', b"{}", b"null", b'{"handles":[1]}', b"\xff"]
)
def test_a_batch_that_was_neither_taken_nor_refused_is_told_again(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        taken_in(body)


def test_products_are_read_by_their_item_ids() -> None:
    body = (
        b'{"data":[{"retailer_id":"A","availability":"in stock","quantity_to_sell_on_facebook":3,"id":"1"},'
        b'{"retailer_id":"B","availability":"discontinued"}],"paging":{}}'
    )
    assert products_in(body) == {"A": Shown(in_stock=True, quantity=3), "B": Shown(in_stock=False, quantity=None)}


def starts_of(pace: Pace, rest_s: int) -> list[float]:
    """When calls start of which there always is one to make, but for one rest after three minutes."""
    begun: list[float] = []
    now = 0.0
    while now < 600:
        now += max(0.0, pace.wait_s(now))
        if now >= 180 and begun[-1] < 180:
            now += rest_s
        pace.start(now)
        begun.append(now)
    return begun


def test_the_limits_fit_metas() -> None:
    assert BATCH < 3_000
    most_in_a_minute = 0
    for rest_s in range(60):
        begun = starts_of(Pace(CALLS_PER_S, at_once=CALLS_AT_ONCE), rest_s) + starts_of(Pace(PUBLISH_CALLS_PER_S), 0)
        most_in_a_minute = max(most_in_a_minute, *(sum(at <= one < at + 60 for one in begun) for at in begun))
    assert most_in_a_minute == 8
    assert BATCH * 400 < 28 * 1024 * 1024  # an entry has about 130 bytes beside its id
    assert PUBLISH_BATCH * 4 * (5_000 + 2_000) <= 28 * 1024 * 1024


def test_an_object_that_is_not_there_is_told_from_other_failures() -> None:
    assert is_absent(failed(100, error_subcode=33))
    assert not any(is_absent(body) for body in (failed(100), failed(190, error_subcode=33), b"", b"<html>"))


@pytest.mark.parametrize(("code", "setting"), [(100, "commerce_account_id"), (200, "page_access_token")])
def test_a_shop_that_may_not_be_read_names_its_own_settings(code: int, setting: str) -> None:
    error = failure_in(400, {}, failed(code, error_subcode=33), [], SHOP)
    assert isinstance(error, ChannelGoneError)
    assert setting in error.message
