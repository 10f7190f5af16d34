"""Links: who gets which item when a file says so."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.channels.channel import ChannelKind
from inventory.channels.limits import ITEM_ID_CHARS
from inventory.channels.links import LeftOut, Link, choose_links
from inventory.channels.links_csv import read_links
from inventory.channels.webhook_http import WebhookKind
from kit.errors import InvalidError

KNOWN = frozenset("ABCDE")


class Numbered(WebhookKind):
    """A kind whose item ids are numbers."""

    def check_item_id(self, item_id: str) -> None:
        if not item_id.isdigit():
            raise InvalidError(f"{item_id!r} is no number", field="item_id")


KIND: ChannelKind = Numbered(allow_private=True)


def lines(*pairs: tuple[str, str]) -> list[Link]:
    return [Link(line=at, sku=sku, item_id=item) for at, (sku, item) in enumerate(pairs, start=2)]


def test_every_line_is_linked_or_told_why_not() -> None:
    chosen, left_out = choose_links(
        lines(("A", "1"), ("X", "2"), ("B", "two"), ("A", "3"), ("C", "1"), ("D", "9")), KIND, KNOWN, {"9": "E"}
    )
    assert [(one.sku, one.item_id) for one in chosen] == [("A", "1")]
    assert left_out == [
        LeftOut(line=3, reason="there is no SKU 'X'"),
        LeftOut(line=4, reason="'two' is no number"),
        LeftOut(line=5, reason="line 2 links 'A' already"),
        LeftOut(line=6, reason="the item '1' is linked to 'A' already"),
        LeftOut(line=7, reason="the item '9' is linked to 'E' already"),
    ]


def test_two_skus_may_change_items_with_each_other() -> None:
    chosen, left_out = choose_links(lines(("A", "2"), ("B", "1")), KIND, KNOWN, {"1": "A", "2": "B"})
    assert len(chosen) == 2
    assert left_out == []


def test_an_item_whose_owner_keeps_it_after_all_is_not_free() -> None:
    chosen, left_out = choose_links(lines(("A", "2"), ("B", "none"), ("C", "1")), KIND, KNOWN, {"1": "A", "2": "B"})
    assert chosen == []
    assert [one.line for one in left_out] == [2, 3, 4]


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEX"), st.sampled_from(["1", "2", "3", "4", "x"])), max_size=12),
    st.dictionaries(st.sampled_from(["1", "2", "3", "4"]), st.sampled_from("ABCDE"), max_size=4),
)
def test_afterwards_no_item_has_two_skus_and_no_line_is_lost(pairs: list[tuple[str, str]], raw: dict[str, str]) -> None:
    before = {item: sku for item, sku in raw.items() if list(raw.values()).count(sku) == 1}
    chosen, left_out = choose_links(lines(*pairs), KIND, KNOWN, before)
    after = {sku: item for item, sku in before.items()} | {one.sku: one.item_id for one in chosen}
    assert len(set(after.values())) == len(after)
    assert sorted([one.line for one in chosen] + [one.line for one in left_out]) == list(range(2, len(pairs) + 2))


@pytest.mark.parametrize(
    "text", ["sku,item_id\nA,1\n", "\ufeffItem ID;Title;SKU\n1;mug;A\n", "SKU\titem_id\r\nA\t 1 \r\n"]
)
def test_files_are_read_whatever_their_delimiter_order_and_case(text: str) -> None:
    links, left_out = read_links(io.BytesIO(text.encode()))
    assert [(one.line, one.sku, one.item_id) for one in links] == [(2, "A", "1")]
    assert left_out == []


def test_lines_without_a_link_are_named() -> None:
    text = f"sku,item_id\nA\n,1\nB,{'1' * (ITEM_ID_CHARS + 1)}\nC,3\n"
    links, left_out = read_links(io.BytesIO(text.encode()))
    assert [one.sku for one in links] == ["C"]
    assert [(one.line, one.reason.split(" ")[0]) for one in left_out] == [(2, "item_id"), (3, "sku"), (4, "item_id")]


@pytest.mark.parametrize("text", ["", "sku;name\nA;1\n", "A,1\n"])
def test_a_file_without_both_columns_is_refused_with_what_it_needs(text: str) -> None:
    with pytest.raises(InvalidError, match="sku,item_id") as refused:
        read_links(io.BytesIO(text.encode()))
    assert refused.value.code == "unknown_format"
