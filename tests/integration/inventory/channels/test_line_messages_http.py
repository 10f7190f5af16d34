"""Messages of LINE against an official account that checks every message, on a real HTTP server."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.announcing import Announcement, Announces
from inventory.channels.channel import ChannelConfig, ChannelDownError, Refused, Told
from tests.fakes.channels.line_messages import BASE
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.line_shop import LineShop, line_shop

USERS = [f"U{number:032x}" for number in range(3)]
GROUP, ROOM = "C" + "a" * 32, "R" + "b" * 32

OFFER = Announcement(
    announcement_id="ann_1",
    title="แก้ว 🎁",
    text="Only during the show.",
    price="฿ 99.50",
    link="https://shop.example/l/1",
    image="https://img.example/mug.jpg",
)


@pytest.fixture
async def shop() -> AsyncIterator[LineShop]:
    async with line_shop() as one:
        yield one


async def announce_to(shop: LineShop, *to: str, offer: Announcement = OFFER) -> Told | Refused:
    channel = shop.open(shop.config(messaging_to=",".join(to)))
    try:
        return await channel.announce(offer)
    finally:
        await channel.close()


async def test_without_recipients_everybody_who_follows_gets_it_once(shop: LineShop) -> None:
    assert isinstance(shop.channel, Announces)
    assert await shop.channel.announce(OFFER) == Told()
    assert await shop.channel.announce(OFFER) == Told()
    (sent,) = shop.messages.sent
    assert (sent.verb, sent.to) == ("broadcast", ())
    assert sent.message["altText"] == "แก้ว 🎁 · ฿ 99.50"
    assert shop.message_troubles.calls == {f"POST {BASE}/broadcast": 2}


async def test_users_are_told_together_and_groups_alone(shop: LineShop) -> None:
    assert await announce_to(shop, *USERS, GROUP, ROOM) == Told()
    assert [(one.verb, one.to) for one in shop.messages.sent] == [
        ("multicast", tuple(USERS)),
        ("push", (GROUP,)),
        ("push", (ROOM,)),
    ]
    assert await announce_to(shop, USERS[0], offer=msgspec.structs.replace(OFFER, announcement_id="ann_2")) == Told()
    assert shop.messages.sent[-1].verb == "push"


@pytest.mark.parametrize(
    "offer",
    [
        msgspec.structs.replace(OFFER, image=None),
        msgspec.structs.replace(OFFER, image="http://img.example/mug.jpg"),
        msgspec.structs.replace(OFFER, text="", price=""),
        msgspec.structs.replace(OFFER, title="🎁" * 500, text="x" * 2_000),
    ],
)
async def test_whatever_is_offered_the_message_is_of_lines_form(shop: LineShop, offer: Announcement) -> None:
    assert await announce_to(shop, GROUP, offer=offer) == Told()
    assert len(shop.messages.sent) == 1


async def test_a_call_whose_answer_was_lost_is_not_sent_twice(shop: LineShop) -> None:
    shop.message_troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await announce_to(shop, *USERS, GROUP)
    assert len(shop.messages.sent) == 1, "it arrived"
    assert await announce_to(shop, *USERS, GROUP) == Told()
    assert [one.verb for one in shop.messages.sent] == ["multicast", "push"]


async def test_throttling_and_failures_are_tried_again_until_everybody_has_it_once(shop: LineShop) -> None:
    shop.message_troubles.throttle.append(Throttled(retry_after_s=9))
    with pytest.raises(ChannelDownError) as caught:
        await announce_to(shop, *USERS, GROUP, ROOM)
    assert caught.value.retry_after_ms == 9_000
    for trouble in (1, 2):
        shop.messages.planned.extend([409] * (trouble - 1) + [500])
        with pytest.raises(ChannelDownError):
            await announce_to(shop, *USERS, GROUP, ROOM)
    assert await announce_to(shop, *USERS, GROUP, ROOM) == Told()
    assert sorted(one.verb for one in shop.messages.sent) == ["multicast", "push", "push"]


async def test_a_recipient_that_is_refused_keeps_it_from_nobody_else(shop: LineShop) -> None:
    shop.messages.blocked = {GROUP}
    answer = await announce_to(shop, *USERS, GROUP, ROOM)
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "Failed to send messages" in answer.reason
    assert [one.to for one in shop.messages.sent] == [tuple(USERS), (ROOM,)]


async def test_a_wrong_link_is_refused_with_the_property_that_is_wrong(shop: LineShop) -> None:
    answer = await announce_to(shop, offer=msgspec.structs.replace(OFFER, link="ftp://x"))
    assert isinstance(answer, Refused)
    assert "messages[0]/contents/footer" in answer.reason


async def test_a_token_that_ended_is_refused_and_not_repeated_and_levels_go_on(shop: LineShop) -> None:
    shop.messages.revoked = True
    answer = await shop.channel.announce(OFFER)
    assert isinstance(answer, Refused)
    assert "401" in answer.reason
    assert shop.messages.token not in answer.reason
    assert await shop.channel.read(["1/10"]) == [7]


async def test_a_shop_without_a_token_says_so_and_calls_nobody(shop: LineShop) -> None:
    old = ChannelConfig(
        channel_id="chan_2",
        kind="line_myshop",
        name="LINE",
        settings={},
        secrets={"api_key": shop.fake.api_key},
    )
    for config in (shop.config(messaging_token=""), old):
        channel = shop.open(config)
        answer = await channel.announce(OFFER)
        assert isinstance(answer, Refused)
        assert not answer.temporary
        assert "messaging_token" in answer.reason
        assert await channel.read(["1/10"]) == [7]
        await channel.close()
    assert shop.message_troubles.calls == {}
