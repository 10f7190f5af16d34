"""Messages of LINE without a network: what is shown, who is told in which call, and under which key."""

import json
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from inventory.channels.announcing import Announcement
from inventory.channels.line_myshop.flex import ALT_TEXT_CHARS, MULTICAST_MOST, flex_message, sendings

OFFER = Announcement(
    announcement_id="ann_1",
    title="Mug",
    text="Only now.",
    price="฿ 99.50",
    link="https://shop.example/l/1",
    image="https://img.example/mug.jpg",
)


def announcement(**fields: str | None) -> Announcement:
    return msgspec.structs.replace(OFFER, **fields)


def user(number: int) -> str:
    return f"U{number:032x}"


def contents(message: Mapping[str, object]) -> dict[str, Any]:
    return cast(dict[str, Any], message["contents"])


def test_a_bubble_shows_image_title_text_price_and_a_button() -> None:
    message = flex_message(announcement())
    bubble = contents(message)
    assert message["altText"] == "Mug · ฿ 99.50"
    assert bubble["hero"]["url"] == "https://img.example/mug.jpg"
    assert [one["text"] for one in bubble["body"]["contents"]] == ["Mug", "Only now.", "฿ 99.50"]
    assert bubble["footer"]["contents"][0]["action"]["uri"] == "https://shop.example/l/1"


@pytest.mark.parametrize("image", [None, "", "http://img.example/a.jpg", "https://img.example/" + "a" * 2_000])
def test_an_image_that_line_does_not_take_is_left_out(image: str | None) -> None:
    assert "hero" not in contents(flex_message(announcement(image=image)))


def test_empty_texts_are_left_out_and_something_is_always_said() -> None:
    message = flex_message(announcement(text="", price="", title=""))
    assert [one["text"] for one in contents(message)["body"]["contents"]] == ["https://shop.example/l/1"]
    assert message["altText"] == "https://shop.example/l/1"
    assert len(contents(flex_message(announcement(text="")))["body"]["contents"]) == 2


def test_the_text_for_notifications_is_cut_by_utf_16_units_and_never_within_a_character() -> None:
    for title in ("ก" * 1_000, "🎁" * 300, "a" + "🎁" * 300):
        cut = str(flex_message(announcement(title=title))["altText"])
        assert len(cut.encode("utf-16-le")) // 2 in {ALT_TEXT_CHARS - 1, ALT_TEXT_CHARS}
        assert cut.endswith("…")
        assert set(cut) <= {"ก", "🎁", "a", "…"}
    assert flex_message(announcement(title="x" * ALT_TEXT_CHARS, price=""))["altText"] == "x" * ALT_TEXT_CHARS


def test_nobody_named_is_everybody() -> None:
    (one,) = sendings(announcement(), [])
    assert one.path == "/v2/bot/message/broadcast"
    assert set(json.loads(one.body)) == {"messages"}


def test_users_go_together_and_groups_alone() -> None:
    group, room = "C" + "1" * 32, "R" + "2" * 32
    calls = sendings(announcement(), [group, *(user(number) for number in range(MULTICAST_MOST + 1)), room, user(0)])
    assert [(call.path.rpartition("/")[2], json.loads(call.body)["to"]) for call in calls] == [
        ("multicast", [user(number) for number in range(MULTICAST_MOST)]),
        ("multicast", [user(MULTICAST_MOST)]),
        ("push", group),
        ("push", room),
    ]
    (alone,) = sendings(announcement(), [user(1)])
    assert (alone.path, json.loads(alone.body)["to"]) == ("/v2/bot/message/push", user(1))


def test_every_try_of_a_call_has_its_key_and_every_other_call_another() -> None:
    to = [user(1), user(2), "C" + "1" * 32]
    first, again = sendings(announcement(), to), sendings(announcement(title="reworded"), to)
    assert [one.retry_key for one in first] == [one.retry_key for one in again]
    others = [*sendings(announcement(announcement_id="ann_2"), to), *sendings(announcement(), [])]
    keys = {one.retry_key for one in [*first, *others]}
    assert len(keys) == len(first) + len(others)
