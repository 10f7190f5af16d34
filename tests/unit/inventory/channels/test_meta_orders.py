"""Orders of a Meta shop without a network: what they hold, how lists go on, what cannot be read."""

import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.meta.orders import (
    Cancellation,
    Line,
    cancellations_in,
    cancelling,
    channel_order,
    is_done,
    lines_in,
    order_in,
    page_in,
)
from inventory.channels.meta.paging import Page
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine

PUBLISHED = b"""{"data":[{"id":"368508827392800","channel":"facebook","order_status":{"state":"CREATED"},
    "last_updated":"2026-02-09T10:00:00+0000"}],"paging":{"cursors":{"before":"QVFIUk","after":"QVFIUk"}}}"""


def order(created: str = "2026-11-22T12:00:00+0000") -> bytes:
    return b'{"id":"1","created":"%s","order_status":{"state":"SOME_NEW_STATE"},"items":{"data":[]}}' % created.encode()


def read(lines: list[Line], *cancelled: list[Line]) -> ChannelOrder:
    parts = [Cancellation(items=Page(data=one)) for one in cancelled]
    return channel_order("1", order_in(order()), lines, parts)


def test_the_published_list_is_read() -> None:
    seen = SeenOrder(order_id="368508827392800", stamp="2026-02-09T10:00:00+0000")
    assert page_in(PUBLISHED) == OrderPage(orders=(seen,), next=None)


def test_an_id_keeps_all_its_digits_also_as_a_number() -> None:
    assert page_in(b'{"data":[{"id":36850882739280012345}]}').orders[0].order_id == "36850882739280012345"


@pytest.mark.parametrize(
    ("paging", "cursor"),
    [
        (b'{"cursors":{"after":"a"},"next":"https://graph.facebook.com/?access_token=secret"}', "a"),
        (b'{"cursors":{"after":"a"}}', None),
        (b'{"next":"https://graph.facebook.com/"}', None),
        (b'{"cursors":{},"next":"https://graph.facebook.com/"}', None),
        (b"null", None),
        (b"{}", None),
    ],
)
def test_a_list_goes_on_only_if_it_says_so(paging: bytes, cursor: str | None) -> None:
    assert page_in(b'{"data":[],"paging":%s}' % paging).next == cursor


def test_an_order_holds_what_was_ordered_less_what_was_cancelled() -> None:
    lines = [Line("MUG", 3), Line("CUP", 1), Line("MUG", 2)]
    assert read(lines).lines == (SoldLine(item_id="MUG", quantity=5), SoldLine(item_id="CUP", quantity=1))
    assert read(lines, [Line("MUG", 1)], [Line("MUG", 1), Line("CUP", 1)]).lines == (
        SoldLine(item_id="MUG", quantity=3),
    )
    assert read(lines, [Line("MUG", 9), Line("CUP", 9), Line("JUG", 1)]).lines == ()
    assert channel_order("1", order_in(order()), lines, [Cancellation()]).lines == read(lines).lines


def test_a_state_that_nobody_knows_holds_like_any_other() -> None:
    assert read([Line("MUG", 1)]).status == "SOME_NEW_STATE"
    assert read([Line("MUG", 1)]).lines


@pytest.mark.parametrize(
    "created", ["2026-11-22T12:00:00+0000", "2026-11-22T12:00:00+00:00", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00"]
)
def test_the_time_of_an_order_is_read_in_every_spelling(created: str) -> None:
    assert channel_order("1", order_in(order(created)), [], []).placed_at_ms == 1_795_348_800_000


def test_a_time_that_is_none_is_named() -> None:
    with pytest.raises(ChannelDownError, match="created"):
        channel_order("1", order_in(order("yesterday")), [], [])


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b'{"created":"t","order_status":{"state":"C"}}', "items"),
        (b'{"created":"t","order_status":{},"items":{"data":[]}}', "state"),
        (b'{"created":"t","order_status":{"state":"C"},"items":{"data":[{"quantity":1}]}}', "retailer_id"),
        (b'{"created":"t","order_status":{"state":"C"},"items":{"data":[{"retailer_id":"A"}]}}', "quantity"),
        (b"[]", "object"),
        (b"<html>", "order"),
        (b'"\xff"', "order"),
        (b'{"x":' + b"[" * 100_000, "order"),
    ],
)
def test_an_order_that_cannot_be_read_says_what_is_missing(body: bytes, missing: str) -> None:
    with pytest.raises(ChannelDownError, match=missing):
        order_in(body)


def test_every_other_answer_that_cannot_be_read_is_for_the_next_try() -> None:
    for read_it in (page_in, lines_in, cancellations_in, is_done):
        for body in (b"", b"{}", b"[]", b'{"data":1}'):
            with pytest.raises(ChannelDownError, match="cannot be read"):
                read_it(body)


def test_a_second_try_to_cancel_has_the_same_key_until_the_order_moves() -> None:
    placed = read([Line("MUG", 1)])
    assert cancelling(placed) == cancelling(read([Line("MUG", 1)]))
    assert cancelling(placed) == {
        "cancel_reason": {"reason_code": "OUT_OF_STOCK", "reason_description": "The product is out of stock"},
        "restock_items": False,
        "idempotency_key": "showdrop-cancel-1-SOME_NEW_STATE",
    }
