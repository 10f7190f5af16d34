"""The Snapchat channel against a catalogue that checks what it is sent: one feed of ours, however often it is asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from inventory.channels.channel import Answer, ChannelConfig, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.snapchat.channel_http import SnapchatChannel, SnapchatKind
from kit.errors import UnavailableError
from tests.fakes.channels.snapchat import CATALOG_ID, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, FakeSnapchat
from tests.fakes.channels.troubles import Throttled
from tests.serving import serving

START_MS = 1_795_348_800_000
TOKEN = "0123456789abcdef0123456789abcdef01234567"
OURS = f"https://api.shop.example/v1/feeds/chan_1/{TOKEN}.csv"
FEEDS = f"/v1/catalogs/{CATALOG_ID}/product_feeds"
LIST, MAKE, RENEW = f"GET {FEEDS}", f"POST {FEEDS}", "POST /login/oauth2/access_token"
GIVEN = {
    "catalog_id": CATALOG_ID,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
    "api_url": "https://api.shop.example",
    "default_currency": "EUR",
    "link_template": "https://shop.example/p/{sku}",
    "schedule": '{"interval":"HOURLY","url":"https://other.example/"}',
}


class World:
    """A catalogue, and where a channel's secrets are kept.

    Attributes:
        now_ms: the clock of both.
        saved: the secrets, as they were saved last.
        saves_fail: so many of the next saves fail.
    """

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.snapchat = FakeSnapchat(clock_ms=lambda: self.now_ms)
        self.url = ""
        self.saved: dict[str, str] = {}
        self.saves_fail = 0

    async def save(self, secrets: Mapping[str, str]) -> None:
        if self.saves_fail > 0:
            self.saves_fail -= 1
            raise UnavailableError("the store is away")
        self.saved = dict(secrets)

    async def open(self, **settings: str) -> SnapchatChannel:
        """Open the channel with what was saved, as a new process does."""
        kind = SnapchatKind(
            feed_path=lambda channel_id: f"/v1/feeds/{channel_id}/{TOKEN}.csv",
            base_url=f"{self.url}/v1",
            auth_url=f"{self.url}/login/oauth2",
            clock_ms=lambda: self.now_ms,
        )
        prepared = await kind.prepare(GIVEN | settings)
        config = ChannelConfig(
            channel_id="chan_1",
            kind="snapchat",
            name="our catalogue",
            settings=prepared.settings,
            secrets=self.saved or prepared.secrets,
        )
        return kind.open(config, self.save)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with serving(world.snapchat.app) as world.url:
        yield world


@pytest.fixture
async def channel(world: World) -> AsyncIterator[SnapchatChannel]:
    channel = await world.open()
    yield channel
    await channel.close()


async def told(channel: SnapchatChannel) -> list[Answer]:
    return await channel.tell([Level(sku=sku, item_id=sku, quantity=1, version=1) for sku in ("A", "B")])


def calls(world: World) -> tuple[int, int]:
    """How often feeds were listed, and made."""
    return world.snapchat.troubles.calls.get(LIST, 0), world.snapchat.troubles.calls.get(MAKE, 0)


async def test_the_first_telling_makes_our_feed_and_the_others_call_nobody(
    world: World, channel: SnapchatChannel
) -> None:
    for _ in range(3):
        assert await told(channel) == [Told(), Told()]
    assert calls(world) == (1, 1)
    [feed] = world.snapchat.feeds.values()
    assert (feed["name"], feed["default_currency"]) == ("Showdrop", "EUR")
    assert feed["schedule"] == {"interval": "HOURLY", "url": OURS}, "the merchant's fields, and our address over them"
    assert world.saved["feed_id"] == feed["id"]


async def test_the_next_process_remembers(world: World) -> None:
    first = await world.open()
    await told(first)
    await first.close()
    second = await world.open()
    assert await told(second) == [Told(), Told()]
    await second.close()
    assert calls(world) == (1, 1)


async def test_a_feed_that_is_there_is_found_behind_others_and_used(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.page = 2
    for number in range(4):
        world.snapchat.add_feed(f"https://shop.example/{number}.csv")
    ours = world.snapchat.add_feed(OURS)
    assert await told(channel) == [Told(), Told()]
    assert world.saved["feed_id"] == ours
    assert calls(world) == (3, 0)


async def test_a_feed_whose_making_was_not_answered_is_not_made_twice(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.loses_made = 1
    with pytest.raises(ChannelDownError):
        await told(channel)
    assert await told(channel) == [Told(), Told()]
    assert world.snapchat.urls() == [OURS]


async def test_a_feed_that_could_not_be_remembered_is_found_again(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.refuses = "first the access is renewed"
    await told(channel)
    world.snapchat.refuses, world.saves_fail = "", 1
    with pytest.raises(UnavailableError, match="the store is away"):
        await told(channel)
    assert await told(channel) == [Told(), Told()]
    assert world.snapchat.urls() == [OURS]


async def test_two_tellings_at_once_make_one_feed(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.troubles.slow_s = 0.05
    first, second = await asyncio.gather(told(channel), told(channel))
    assert first == second == [Told(), Told()]
    assert calls(world) == (1, 1)


async def test_a_feed_that_snapchat_does_not_make_refuses_the_levels(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.refuses = f"the schedule of {OURS} is incomplete"
    first, second = await told(channel)
    assert isinstance(first, Refused)
    assert (first, first.temporary) == (second, False)
    assert "is incomplete" in first.reason
    assert TOKEN not in first.reason, "who knows the address can read the feed"
    world.snapchat.refuses = ""
    assert await told(channel) == [Told(), Told()]


async def test_access_is_renewed_saved_and_kept_with_the_feed(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.rotates = True
    await told(channel)
    assert world.saved["refresh_token"] == world.snapchat.refresh_token != REFRESH_TOKEN
    assert world.saved["client_secret"] == CLIENT_SECRET
    assert (world.saved["access_token"], world.saved["feed_id"]) == ("snap-access-1", "feed-0001")


async def test_access_that_ends_in_the_middle_is_renewed_once(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.refuses = "not yet"
    await told(channel)
    world.snapchat.refuses = ""
    world.snapchat.end_access()
    assert await told(channel) == [Told(), Told()]
    assert world.snapchat.troubles.calls[RENEW] == 2


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
async def test_dead_access_is_gone_and_stays_secret(world: World, name: str) -> None:
    channel = await world.open(**{name: "not-the-right-one"})
    with pytest.raises(ChannelGoneError, match="authorise it again") as gone:
        await told(channel)
    assert "not-the-right-one" not in f"{gone.value!r} {channel!r}"
    await channel.close()


async def test_a_catalogue_that_is_not_there_or_not_ours_is_gone(world: World, channel: SnapchatChannel) -> None:
    other = await world.open(catalog_id="no-such-catalogue")
    with pytest.raises(ChannelGoneError, match="catalog_id"):
        await told(other)
    await other.close()
    world.snapchat.forbids = True
    with pytest.raises(ChannelGoneError, match="admin"):
        await told(channel)


async def test_troubles_on_the_way_leave_everything_to_the_next_try(world: World, channel: SnapchatChannel) -> None:
    world.snapchat.troubles.throttle.append(Throttled(retry_after_s=7))
    with pytest.raises(ChannelDownError) as down:
        await told(channel)
    assert down.value.retry_after_ms == 7_000
    for trouble in ("fail", "lose"):
        setattr(world.snapchat.troubles, trouble, 1)
        with pytest.raises(ChannelDownError):
            await told(channel)
    world.snapchat.rubbish = 1
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await told(channel)
    assert await told(channel) == [Told(), Told()]
    assert world.snapchat.urls() == [OURS]
